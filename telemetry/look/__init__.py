"""What a log holds that no database describes: the work of `look`."""
