"""Commands that run many seeds, or everything: ``python -m tests.campaigns.hostile 0 1000``."""
