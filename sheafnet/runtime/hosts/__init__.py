"""Hosts, their frames and their coordinator: bytes and reports, no clock, thread or network."""
