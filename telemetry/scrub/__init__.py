"""Recordings as copies to publish, without what says whose they are: the work of `scrub`."""
