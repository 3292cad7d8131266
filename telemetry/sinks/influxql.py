"""How InfluxQL is written, in which a store is asked for tables."""


def quoted(name: str) -> str:
    """Return a name as InfluxQL writes it."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def text_literal(text: str) -> str:
    """Return a text as InfluxQL writes it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
