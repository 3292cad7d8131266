def totals_in(state: bytes) -> tuple[float, ...]:
    """The totals of the session in a `Follower.state`, by `follow_spec.TOTALS`; () if they are not known."""
