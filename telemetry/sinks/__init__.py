"""Out of the spool to where it is wanted: sender, lanes and verdicts, whatever the kind of server."""
