"""What leaves the company: by which channels, to whom, and which humans open the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formataddr

from sqlalchemy import Connection

from seamline.adapter import Adapter
from seamline.boundary import Roster
from seamline.errors import ConfigError
from seamline.gate import Gate
from seamline.seat import Seat
from seamline_workers.clock import Clock, business_clock
from seamline_workers.company.channel import Channel, build_channels
from seamline_workers.company.config import Approvals, Config, Person
from seamline_workers.effects.audience import Ours
from seamline_workers.outbound.boundary import in_force
from seamline_workers.rules.plan import Plan

#: Roles of people who may decide about a text.
DECIDING = ("approver", "admin")


@dataclass(frozen=True)
class Human:
    """Who decides: the name and the role of a token, or of an entry of ``[people]``."""

    name: str
    role: str


@dataclass(frozen=True)
class Outbound:
    """A company's ways out; one a process."""

    roster: Roster
    channels: Mapping[str, Channel] = field(default_factory=dict)
    ours: Ours = field(default_factory=Ours)
    people: Mapping[str, Person] = field(default_factory=dict)
    clock: Clock = field(default_factory=business_clock)
    approvals: Approvals = field(default_factory=Approvals)
    plan: Plan = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "plan", Plan(self.roster, self.clock))
        self._check_approvals()
        agents = {seat.name for seat in self.roster.seats if seat.kind == "agent"}
        for channel in self.channels.values():
            if channel.sender is not None and channel.sender.strip().lower() in agents:
                raise ConfigError(
                    f"channels.{channel.name}.sender: {channel.sender} is an agent's seat; "
                    "write a human's or the company's name: the customer never meets a seat"
                )

    @classmethod
    def of(cls, config: Config, roster: Roster, clock: Clock | None = None) -> Outbound:
        """The ways out of a configuration. Raises ConfigError."""
        channels, ours = build_channels(config), Ours.of(config)
        return cls(roster, channels, ours, config.people, clock or business_clock(), config.approvals)

    def _check_approvals(self) -> None:
        """Raise ConfigError where texts that wait could be shown to nobody, or to somebody who is not ours."""
        name, to = self.approvals.channel, self.approvals.to
        if name is None:
            if to is not None:
                raise ConfigError("approvals.channel: name the channel by which approvals.to is told")
            return
        channel = self.channels.get(name)
        if channel is None:
            raise ConfigError(f"approvals.channel: no channel is named {name!r}; write it under [channels.{name}]")
        if type(channel.adapter).notice is Adapter.notice:
            raise ConfigError(f"approvals.channel: {channel.adapter.name} tells colleagues nothing; take one that does")
        if to is not None and not self.is_ours(name, to):
            raise ConfigError(f"approvals.to: {to} is nobody of ours; name it in channels.{name}.team")
        if to is None and not any(person.slack and person.role in DECIDING for person in self.people.values()):
            raise ConfigError("approvals.to: no approver of [people] has a slack id; give them one, or name a channel")

    # --- who may decide ---------------------------------------------------------------------------------------------

    def gate(self, connection: Connection, seat: str, channel: str, audience: str, stage: str | None) -> Gate | None:
        """The gate of such a draft; None: the way out is closed, or no human stands at it.

        It is that of the map in force: what the roster says anew waits until it is confirmed.
        """
        version, gates = in_force(connection)
        found = (self.roster if version is None else gates).gate(seat, channel, audience, stage)
        return found if found is not None and self.approvers(found) else None

    def approvers(self, gate: Gate) -> tuple[Seat, ...]:
        """The human seats that may decide at a gate: its approvers, then whom it escalates to."""
        names = dict.fromkeys((*gate.approvers, *filter(None, (gate.escalates_to,))))
        humans = {seat.name: seat for seat in self.roster.seats if seat.kind == "human"}
        return tuple(humans[name] for name in names if name in humans)

    def may_not_decide(self, human: Human, gate: Gate, author: str) -> str | None:
        """Why somebody may not decide at a gate; None: they may."""
        if human.name == author or self.is_agent(human.name):
            return f"{human.name} is an agent's seat: only a human decides"
        if human.role == "admin":
            return None
        if human.role != "approver":
            return f"this needs the role approver; {human.name} is a {human.role}"
        seats = self.approvers(gate)
        if any(self.holds(human.name, seat) for seat in seats):
            return None
        names = ", ".join(seat.name for seat in seats)
        return f"gate {gate.id} is {names}'s; {human.name} holds none of these seats"

    def is_agent(self, name: str) -> bool:
        """Whether this is the name of an agent's seat, however it is written, or of an entry of people that is one."""
        agents = {seat.name for seat in self.roster.seats if seat.kind == "agent"}
        return any(one.strip().lower() in agents for one in self.names(name))

    def holds(self, name: str, seat: Seat) -> bool:
        """Whether somebody of this name sits in a seat; one without an assignee is any approver's."""
        return seat.assignee is None or name == seat.name or bool(self.names(name) & self.names(seat.assignee))

    def told(self, gate: Gate) -> tuple[str, ...]:
        """To whom a text that waits at a gate is shown, by the channel of approvals; nobody who is not ours."""
        name, to = self.approvals.channel, self.approvals.to
        if name is None:
            return ()
        found = self._users(gate) if to is None else [to]
        return tuple(dict.fromkeys(one for one in found if self.is_ours(name, one)))

    def is_ours(self, channel: str, recipient: str) -> bool:
        """Whether whoever is reached so is of the company."""
        return self.ours.audience(channel, [recipient]) == "team"

    def _users(self, gate: Gate) -> list[str]:
        """The Slack users of whoever holds a seat of a gate and may decide there."""
        seats = self.approvers(gate)
        return [
            person.slack.rpartition("/")[2]
            for name, person in self.people.items()
            if person.slack and person.role in DECIDING and any(self.holds(name, seat) for seat in seats)
        ]

    # --- people -----------------------------------------------------------------------------------------------------

    def person(self, word: str) -> tuple[str, Person] | None:
        """The entry of ``[people]`` that a name, an e-mail address or a Slack id means."""
        for name, person in self.people.items():
            if word in (name, person.slack) or (person.email and word.lower() == person.email.lower()):
                return name, person
        return None

    def names(self, word: str) -> frozenset[str]:
        """All that the bearer of a name goes by."""
        found = self.person(word)
        if found is None:
            return frozenset({word})
        name, person = found
        return frozenset(filter(None, (word, name, person.email, person.slack)))

    def sender(self, channel: Channel, approver: str) -> str | None:
        """In whose name a text goes out: the channel's, else the approver's; None: as the channel's settings say."""
        if channel.sender is not None:
            return channel.sender
        found = self.person(approver)
        if found is None or found[1].email is None:
            return None
        return formataddr((found[1].name, found[1].email)) if found[1].name else found[1].email
