"""Charging sessions: from what the follower reports to records, their words, curve, cross-check and rows."""
