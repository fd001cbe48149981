"""Hosts, the frames between them, and when all have finished: no clock, no thread, no network."""
