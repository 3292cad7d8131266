"""What is at a serial port or on a bus that nobody has named yet: the work of `scan`."""
