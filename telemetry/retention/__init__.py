"""How long a database keeps what: rows for a month, minutes of them for a year, records for ever."""
