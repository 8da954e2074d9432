"""The command line: ``seamline``. Whatever is heavy is imported by the command that needs it."""

from __future__ import annotations


def main() -> None:
    """Run the command line; the exit code is 0 done, 1 found wanting, 2 wrong use, 3 not reachable."""
    from seamline_webhooks.cli.root import app

    app(prog_name="seamline")


__all__ = ["main"]
