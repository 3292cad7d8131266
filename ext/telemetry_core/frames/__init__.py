"""Frames as they come: batches of them, Linux sockets, stamps and the load of a bus."""
