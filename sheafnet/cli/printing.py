"""Printing that cannot fail because of the terminal, a closed pipe or the encoding."""

from __future__ import annotations

import contextlib
import os
import sys

from rich.console import Console, ConsoleRenderable


def show(*renderables: ConsoleRenderable | str) -> None:
    """Print to standard output.

    A closed pipe is ignored. Characters that the encoding of the output lacks are replaced.

    Parameters
    ----------
    renderables
        Texts, which are not wrapped, and tables or other objects of rich.
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
        # Python flushes the rest of the buffer at exit, which would fail again.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
