"""The formats of recordings, by the endings of their names."""

FORMATS = (".log", ".asc", ".blf", ".mf4")
