"""The two ends of a GB/T 27930 charge: charger and vehicle, each a state machine with its own transport."""
