"""The places where problems are run: everything with a clock, a thread, a seed or a wire."""
