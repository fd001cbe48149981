"""Commands that run many seeds, or every case, too long for the test suite.

Run one as a module, for example ``python -m tests.campaigns.hostile 0 1000``. Each prints its
results; those that judge them end with exit code 1 if a case failed.
"""
