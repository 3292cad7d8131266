"""Messages of several frames put together: J1939 and ISO-TP."""
