"""Printing that does not fail on a closed pipe or on characters that the output cannot encode."""

from __future__ import annotations

import contextlib
import os
import sys

from rich.console import Console, ConsoleRenderable


def show(*renderables: ConsoleRenderable | str) -> None:
    """Print texts and tables to standard output.

    If the output is a closed pipe, the remaining text is not printed and no error is raised.
    Characters that the encoding of the output does not have are replaced by question marks.

    Parameters
    ----------
    renderables
        Texts, which are not wrapped, and tables or other objects of the package rich.
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
        # Python flushes its buffer at exit. On the closed pipe the flush would fail again.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
