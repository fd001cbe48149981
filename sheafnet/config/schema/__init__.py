"""The schema of a configuration: its sections, keys and defaults."""
