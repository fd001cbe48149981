"""The command line as ``python -m sheafnet``, for use when no command ``sheafnet`` is installed."""

from __future__ import annotations

from sheafnet.cli import main

if __name__ == "__main__":
    main(prog_name="sheafnet")
