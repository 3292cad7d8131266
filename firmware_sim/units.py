"""Times in ns, as they are counted everywhere here."""

MS_NS, S_NS = 1_000_000, 1_000_000_000
NEVER_NS = 1 << 63
