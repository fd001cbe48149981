"""From a valid configuration to the things that it names."""
