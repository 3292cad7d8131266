"""Completion of the command line by bash, zsh and fish: static scripts, printed from the argument parsers.

Promises: what the parsers take is what the shells offer, for commands that are added later too; pressing Tab
starts no Python. A generator of our own, since argcomplete starts the program for each Tab, and shtab would
be a dependency for what are two hundred lines here.
"""
