"""Ways to watch a run: observers, and the run directory."""
