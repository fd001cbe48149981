"""One vertex, and a group of them: rules and messages, no I/O, no clock, no randomness."""
