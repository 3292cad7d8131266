"""The words of the data model: measurements, fields, event codes, ids, one point as text."""
