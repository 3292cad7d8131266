"""How each type of file is read, and what is mended in it."""
