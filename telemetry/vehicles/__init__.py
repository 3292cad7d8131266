"""Vehicles by their names: what a kind of it broadcasts, and what it answers when asked."""
