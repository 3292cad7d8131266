"""What goes wrong, as scenarios name it: in the plant, on the bus, on a serial line."""
