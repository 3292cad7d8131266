"""The terminal screen of live values: state to lines as pure functions, drawing apart."""
