"""A problem on a runtime, from start to result: runs, training, observers, checkpoints."""
