"""What happened, a line an event: always as a digest, in full on request."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

BATCH = 512


class Trace:
    """Takes lines in the order in which they happen.

    Parameters
    ----------
    sink
        Is handed every line, without line end, if the full trace is wanted.
    """

    def __init__(self, sink: Callable[[str], None] | None = None) -> None:
        self._sink = sink
        self._hash = hashlib.blake2b(digest_size=16)
        self._pending: list[str] = []

    def write(self, line: str) -> None:
        """Add one line."""
        self._pending.append(line)
        if self._sink is not None:
            self._sink(line)
        if len(self._pending) >= BATCH:
            self._flush()

    def digest(self, *more: bytes) -> str:
        """Return the fingerprint of all lines, and of ``more`` after them."""
        self._flush()
        final = self._hash.copy()
        for part in more:
            final.update(part)
        return final.hexdigest()

    def _flush(self) -> None:
        if self._pending:
            self._hash.update(("\n".join(self._pending) + "\n").encode())
            self._pending.clear()
