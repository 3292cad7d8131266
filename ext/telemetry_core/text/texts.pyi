class Texts:
    """Byte strings by number. A number that was never put has the text `default`."""

    def __init__(self, default: bytes = b"") -> None: ...
