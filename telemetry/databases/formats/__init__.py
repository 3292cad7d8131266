"""How each file type is read, and what of it is mended."""
