"""What the follower listens for, one table of signs and deadlines a protocol."""
