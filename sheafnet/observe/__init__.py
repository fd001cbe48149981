"""Observers of a run: event log, metrics, progress line, checkpoints; and the run directory."""
