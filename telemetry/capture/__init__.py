"""A CAN bus or a serial line into files, as it is: the work of `capture`."""
