"""The command line: ``seamline``. Whatever is heavy is imported by the command that needs it."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; the exit code is 0 done, 1 found wanting, 2 wrong use, 3 not reachable."""
    try:
        from seamline_webhooks.cli.root import app
    except ModuleNotFoundError as error:
        # The bare package has the SDK alone, which is all that an adapter needs.
        if error.name is None or error.name.startswith("seamline"):
            raise
        sys.exit(
            f"seamline: the command line needs {error.name}; run: pip install 'seamline[server]'\n"
            "An adapter is written and tested without it: seamline.testing.new_adapter writes one."
        )

    app(prog_name="seamline")


__all__ = ["main"]
