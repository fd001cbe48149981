"""Hosts as Ray actors. Only ``cluster`` can be imported without Ray."""
