"""Charging sessions as people read them: a table, a text, a self-contained page, a picture."""
