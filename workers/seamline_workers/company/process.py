"""The company's process, looked at before it runs: its roster, and what is wrong with it.

Where something is wrong, what comes in is still taken in and kept, and no seat runs: agents inside a broken process
would be wrong at scale. Mended and started again, what waited runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import seamline.events  # noqa: F401  (declares the catalogue)
from seamline.boundary import Roster, TwoOwners
from seamline.lint import Finding, lint, two_owners
from seamline_workers.company.config import Config
from seamline_workers.company.registry import load_roster
from seamline_workers.log import log


@dataclass(frozen=True)
class Process:
    """A company's roster and what was found about it. ``routed``: it is known whom each event is handed to."""

    roster: Roster
    findings: tuple[Finding, ...] = ()
    routed: bool = True

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.level == "error")

    @property
    def broken(self) -> str | None:
        """What is wrong, in a line; None: seats may run."""
        return "; ".join(f"{one.subject} {one.message}" for one in self.errors) or None

    def tell(self) -> None:
        """Say at the start, a line each, why no seat runs."""
        for one in self.errors:
            log.error("process_broken", code=one.code, subject=one.subject, reason=one.message, fix=one.fix)


def load_process(config: Config) -> Process:
    """Import the company's seats and look at them. Raises ConfigError where they cannot be imported."""
    try:
        roster = load_roster(config)
    except TwoOwners as error:
        return Process(Roster(()), (two_owners(error),), routed=False)
    return Process(roster, tuple(lint(roster, ways_out(config), config.channels)))


def ways_out(config: Config) -> tuple[str, ...]:
    """The channels by which something could reach a human outside.

    Alerts and what shows drafts to approvers are the engine's own, to the company; what a gate opens is looked at by
    the gate.
    """
    own = (config.alerts.channel, config.approvals.channel)
    return tuple(name for name in config.channels if name not in own)
