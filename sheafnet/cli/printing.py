"""Printing for people, so that no terminal, pipe or encoding changes the outcome."""

from __future__ import annotations

import contextlib
import os
import sys

from rich.console import Console, ConsoleRenderable


def show(*renderables: ConsoleRenderable | str) -> None:
    """Print to standard output; a reader that has gone away is no fault.

    What the encoding of the output lacks is replaced.
    """
    console = Console(highlight=False)
    with console.capture() as captured:
        for renderable in renderables:
            console.print(renderable, soft_wrap=isinstance(renderable, str))
    encoding = sys.stdout.encoding or "utf-8"
    text = captured.get().encode(encoding, "replace").decode(encoding)
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer would be flushed, and fail again, at exit.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
