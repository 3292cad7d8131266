"""Maps of registers, as files: what a device that speaks Modbus has where, and two of common DC meters."""
