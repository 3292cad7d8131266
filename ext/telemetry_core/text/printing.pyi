"""For the compiled modules only: nothing of it is called from Python."""
