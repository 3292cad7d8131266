"""What a configuration says: TOML into declared settings, each fault one line with file, line and key."""
