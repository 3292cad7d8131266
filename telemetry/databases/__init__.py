"""DBC, ARXML, KCD and SYM files into a decode plan."""
