"""The command line as ``python -m sheafnet``, where no ``sheafnet`` command is installed."""

from __future__ import annotations

from sheafnet.cli import main

if __name__ == "__main__":
    main(prog_name="sheafnet")
