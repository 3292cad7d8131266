"""What a database or a log holds, to look at: signals as a list, values as a picture."""
