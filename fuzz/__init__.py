"""Harnesses that hand any bytes at all to every reader, and what they promise to hold.

`python -m fuzz` (or `make fuzz`) runs all of them for a minute; `catalogue.py` lists them, `engine.py` drives
one. `corpus/NAME/` has the inputs that each starts from.
"""
