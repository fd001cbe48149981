"""From a valid configuration to the things that it describes, one builder for each kind."""
