"""The compiled stages in their order, made from a configuration; no clock, thread or disk."""
