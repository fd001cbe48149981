"""What one vertex does, and a group of them: no I/O, no clock, no randomness."""
