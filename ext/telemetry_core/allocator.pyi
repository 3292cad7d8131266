LARGE_BYTES: int

def return_large_blocks() -> None:
    """Return blocks of LARGE_BYTES or more to the system when they are freed, from now on."""
