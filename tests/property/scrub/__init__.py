"""Properties of what `capture` and `scrub` write."""
