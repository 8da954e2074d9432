"""The audience of a text: who gets it decides, never what it says. Whoever is not known to be ours is a customer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from seamline.gate import Audience
from seamline_workers.company.config import Config

#: One address and nothing else: of "ours, theirs" in one recipient the second would slip through.
_ADDRESS = re.compile(r"[^\s@,;<>\"()]+@(?P<domain>[A-Za-z0-9.-]+)")


@dataclass(frozen=True)
class Ours:
    """Who is of the company: domains of addresses, people, and by channel the recipients that are a team's."""

    domains: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    team: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Config) -> Ours:
        people: set[str] = set()
        for person in config.people.values():
            people |= {person.email.strip().lower()} if person.email else set()
            # Slack's "team/user": a message goes to the user.
            people |= {person.slack, person.slack.rpartition("/")[2]} if person.slack else set()
        return cls(
            frozenset(domain.strip().lower() for domain in config.company.domains),
            frozenset(people),
            {name: frozenset(channel.team) for name, channel in config.channels.items()},
        )

    def audience(self, channel: str, recipients: Sequence[str]) -> Audience:
        """Whom a text on a channel is for."""
        ours = bool(recipients) and all(self._is_ours(channel, recipient) for recipient in recipients)
        return "team" if ours else "customer"

    def _is_ours(self, channel: str, recipient: str) -> bool:
        if recipient in self.team.get(channel, ()):
            return True
        address = _ADDRESS.fullmatch(recipient)
        if address is None:
            return recipient in self.people
        return address["domain"].lower() in self.domains or recipient.lower() in self.people
