"""What a configuration makes of rows: mapping, watching, protecting, judging, reducing."""
