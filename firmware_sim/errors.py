"""What a user of the simulator can act upon, for its caller to say.

Each error says what is wrong, where (a file, an interface, a port), and what to do about it.
"""


class SimulatorError(Exception):
    """Base of all of them."""

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(f"{where}: {what}" if where else what)
        self.what = what
        self.where = where
        self.hint = hint


class NotFoundError(SimulatorError):
    """A file is not there, or cannot be looked at."""


class NotValidError(SimulatorError):
    """A scenario or a database says what cannot be played."""


class NotUsableError(SimulatorError):
    """An interface, a socket or a port cannot be used."""


class NotWrittenError(SimulatorError):
    """A file cannot be written."""
