"""Silence: a customer who was reached out to twice and answered neither time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from seamline.events import (
    CallCompleted,
    ChatReceived,
    ContractDeclined,
    ContractSigned,
    EmailDeliveryChanged,
    EmailReceived,
    Event,
    KickoffBooked,
    KickoffHeld,
    LeadReceived,
    MeetingBooked,
    MeetingHeld,
    OutreachAnswered,
    OutreachSent,
    ProposalAccepted,
    ProposalCommented,
    ProposalDeclined,
)

#: How long an attempt waits for its answer.
PATIENCE = timedelta(hours=72)
Heard = Literal["attempt", "answer"]

_ANSWERS = (
    ChatReceived,
    ContractDeclined,
    ContractSigned,
    KickoffBooked,
    KickoffHeld,
    LeadReceived,
    MeetingBooked,
    MeetingHeld,
    OutreachAnswered,
    ProposalAccepted,
    ProposalCommented,
    ProposalDeclined,
)

#: All that attempts, answers and bounces are told by.
LISTENED: tuple[type[Event], ...] = (OutreachSent, CallCompleted, EmailReceived, EmailDeliveryChanged, *_ANSWERS)


class Contact(NamedTuple):
    """One attempt of ours, or one answer of theirs, whoever of either side it was. ``id``: the event's."""

    at: datetime
    kind: Heard
    id: str


@dataclass(frozen=True)
class Silence:
    """The first two attempts since the customer's last answer, both waited for long enough.

    ``key`` is the pair's: a signal with it is raised once, however often silence is looked for, and whatever further
    attempts follow. ``due``: since when it has lasted long enough.
    """

    first: Contact
    second: Contact
    due: datetime

    @property
    def key(self) -> str:
        return f"{self.first.id}+{self.second.id}"

    @property
    def evidence(self) -> tuple[str, str]:
        return self.first.id, self.second.id


def heard(event: Event) -> Heard | None:
    """What an event is in the exchange; None: neither, as bounces, out-of-office notes and lists.

    A call from the customer is an answer even where we missed it: it was not the customer who was silent.
    """
    if isinstance(event, OutreachSent):
        return "attempt"
    if isinstance(event, CallCompleted):
        return "answer" if event.direction == "inbound" or event.outcome == "answered" else "attempt"
    if isinstance(event, EmailReceived):
        return "answer" if event.auto == "none" else None
    return "answer" if isinstance(event, _ANSWERS) else None


def contacts(events: Iterable[Event]) -> tuple[Contact, ...]:
    """The attempts and answers among an account's events, which are in the ledger.

    Outreach by mail that bounced reached nobody and is left out.
    """
    told = list(events)
    bounced = {event.message_id for event in told if isinstance(event, EmailDeliveryChanged) and _undelivered(event)}
    return tuple(
        Contact(event.envelope.time, kind, str(event.id))
        for event in told
        if (kind := heard(event)) and not (isinstance(event, OutreachSent) and event.message_ref in bounced)
    )


def unanswered(facts: Iterable[Contact], now: datetime, patience: timedelta = PATIENCE) -> Silence | None:
    """The silence that has lasted long enough at ``now``. In whatever order, and however often, facts are told."""
    pair = _pair(facts)
    if pair is None or now - pair[1].at < patience:
        return None
    return Silence(*pair, due=pair[1].at + patience)


def when_due(facts: Iterable[Contact], patience: timedelta = PATIENCE) -> datetime | None:
    """The first moment at which ``unanswered`` gives a silence; None: fewer than two attempts wait for an answer."""
    pair = _pair(facts)
    return None if pair is None else pair[1].at + patience


def _undelivered(event: EmailDeliveryChanged) -> bool:
    return event.status == "bounced" and event.permanent is not False


def waiting(facts: Iterable[Contact]) -> tuple[Contact, ...]:
    """The attempts since the last answer, in their order. At one and the same moment the answer counts as the later."""
    known: dict[str, Contact] = {}
    for fact in facts:
        known[fact.id] = min(fact, known.get(fact.id, fact))
    answered = max((fact.at for fact in known.values() if fact.kind == "answer"), default=None)
    return tuple(
        sorted(fact for fact in known.values() if fact.kind == "attempt" and (answered is None or fact.at > answered))
    )


def _pair(facts: Iterable[Contact]) -> tuple[Contact, Contact] | None:
    """The first two attempts that wait for an answer."""
    attempts = waiting(facts)
    return (attempts[0], attempts[1]) if len(attempts) > 1 else None
