"""CAN buses through python-can's drivers: slcan, gs_usb, pcan, virtual and the rest."""
