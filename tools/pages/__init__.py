"""Pages of docs/ that are printed from the code, so that they are never out of date."""
