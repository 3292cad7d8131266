"""What a log holds that no database describes."""
