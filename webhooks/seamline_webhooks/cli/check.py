"""``seamline check``: whether all is well, and if not, what to do."""

from __future__ import annotations

import typer

from seamline_webhooks.cli.company import ConfigOption, JsonOption
from seamline_webhooks.cli.output import WANTING, document, line, plain


def check(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Check configuration, store, queue, sources, and who owns what; exit 1 where something is wrong."""
    from seamline_webhooks.inspection import inspect

    findings = inspect(config)
    wrong = [finding for finding in findings if finding.level == "error"]
    if json:
        document({"ok": not wrong, "findings": [finding.shape() for finding in findings]})
    else:
        for finding in findings:
            # What a ConfigError says begins with its key already.
            message = plain(finding.message).removeprefix(f"{finding.subject}: ")
            line(f"{finding.level}: {finding.subject}: {message}")
            line(f"    {finding.fix}")
        warned = len(findings) - len(wrong)
        beside = f" but for {warned} {'warning' if warned == 1 else 'warnings'}" if warned else ""
        line(f"{len(wrong)} to mend" if wrong else f"all is well{beside}")
    if wrong:
        raise typer.Exit(WANTING)
