"""Charging sessions as a listener sees them: signs, deadlines, and what is measured meanwhile."""
