"""CAN buses: SocketCAN by our own sockets, other adapters by python-can."""
