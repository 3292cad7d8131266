"""What is known at this moment, as JSON, and the socket that serves it."""
