"""The black box: raw frames and bytes of the last minutes on disk, and those that a trigger has frozen."""
