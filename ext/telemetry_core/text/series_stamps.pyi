class SeriesStamps:
    """Remembers the newest stamp of each series: one of `kinds` kinds of records with one tag set."""

    def __init__(self, kinds: int) -> None: ...
    def newest_ns(self, tags: int) -> int:
        """Return the newest stamp of all series with this tag set, in ns; -2**63 without any row."""
    def follow(self, tags: int, newest_ns: int) -> None:
        """Assume that earlier batches hold rows of all series with this tag set up to this stamp."""
