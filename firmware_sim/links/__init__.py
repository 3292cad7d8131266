"""Ways out of the simulator: CAN sockets, logs, pseudo-terminals, and the clock that paces them."""
