"""Runs the command line for `python -m functions_framework`.

Nothing else.
"""

from __future__ import annotations

from functions_framework import cli

if __name__ == "__main__":
    cli.main()
