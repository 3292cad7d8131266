"""Frames as they come: batches, Linux sockets, stamps and the load of a bus."""
