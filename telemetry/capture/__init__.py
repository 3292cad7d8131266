"""A CAN bus into files, frame by frame as it is: the work of `capture`."""
