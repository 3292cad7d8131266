"""CAN buses through SocketCAN, by our own sockets; and the sockets of simulators in their place."""
