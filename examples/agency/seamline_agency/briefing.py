"""The morning briefing: what the record says of the whole company since yesterday, in five sections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import quantiles

from seamline import Event
from seamline.calendar import BusinessHours, zone
from seamline.company import Company, Open, SourceState
from seamline.events import (
    ApprovalExpired,
    DealWon,
    ExitAdhocDetected,
    FollowupMissed,
    GuardRefused,
    IdentityConflict,
    KickoffBooked,
    KickoffOverdue,
    LeadReceived,
    LeadTriaged,
    MessageDeadLettered,
    MetricsMissing,
    ResponseSent,
)

#: What counts as an incident, with the rule that it is about where the event itself names none.
INCIDENTS: Mapping[type[Event], str] = {
    GuardRefused: "",
    KickoffOverdue: "R32",
    FollowupMissed: "R27",
    MetricsMissing: "R36",
    ApprovalExpired: "R75",
    IdentityConflict: "R6",
    ExitAdhocDetected: "R59",
    MessageDeadLettered: "R89",
}
#: A lead is answered within so much business time; a source that told nothing for so long is stale.
ANSWER_WITHIN, STALE = timedelta(hours=1), timedelta(hours=24)
#: How far back leads are followed, and won deals for the time that their kickoff took.
LEADS, DEALS = timedelta(days=7), timedelta(days=30)
#: Longest section.
LINES = 50

Called = Callable[[str], str]


@dataclass(frozen=True)
class Morning:
    """When a briefing is written: now, and since when it tells what happened."""

    now: datetime
    since: datetime
    hours: BusinessHours

    def today(self, at: datetime | None) -> bool:
        """Whether a time is on this day, or before it."""
        where = zone(self.hours.tz)
        return at is not None and at.astimezone(where).date() <= self.now.astimezone(where).date()


def sections(company: Company, morning: Morning) -> dict[str, tuple[str, ...]]:
    """The sections by name, each with its lines; one without any says so."""
    opened = company.open()
    incidents = company.events(*INCIDENTS, since=morning.since)
    leads = company.events(LeadReceived, LeadTriaged, ResponseSent, since=morning.now - LEADS)
    exits = company.exits()
    ids = {one.account for one in opened} | {one.account for one in exits}
    names = company.names(ids | {one.envelope.account for one in (*incidents, *leads)})

    def called(account: str) -> str:
        return names.get(account, f"account {account}" if account else "the company")

    found = {
        "urgent": _urgent(opened, morning, called)
        + [f"Exit not logged: {called(one.account)}, ended {_at(one.since)}" for one in exits],
        "today": _today(opened, morning, called),
        "systems": [_source(one, morning.now) for one in company.sources()],
        "context": _kickoffs(company.events(DealWon, KickoffBooked, since=morning.now - DEALS)),
        "warnings": _counted(incidents, called) + _late(leads, morning, called),
    }
    return {name: _short(lines) for name, lines in found.items()}


def stale(sources: Iterable[SourceState], now: datetime) -> tuple[str, ...]:
    """The sources of which nobody knows whether they have nothing to tell, or cannot."""
    return tuple(one.name for one in sources if one.failing or one.last_at is None or now - one.last_at > STALE)


# --- what humans have to do ------------------------------------------------------------------------------------------


def _urgent(opened: Sequence[Open], morning: Morning, called: Called) -> list[str]:
    flags = [one for one in opened if one.kind == "flag" and one.severity == "risk"]
    late = [one for one in opened if one.kind != "flag" and one.due_at is not None and one.due_at <= morning.now]
    lines = [f"Flag {one.name} by {one.seat}: {called(one.account)}, since {_at(one.since)}" for one in flags]
    return lines + [f"Overdue {_what(one, called)}, was due {_at(one.due_at)}" for one in late]


def _today(opened: Sequence[Open], morning: Morning, called: Called) -> list[str]:
    due = [one for one in opened if morning.today(one.due_at) and one.due_at is not None and one.due_at > morning.now]
    lines = [f"Due {_at(one.due_at)}: {_what(one, called)}" for one in sorted(due, key=lambda one: str(one.due_at))]
    kinds = Counter(one.kind for one in opened)
    waiting = [
        f"{kinds[kind]} {kind}{'s' if kinds[kind] > 1 else ''}" for kind in ("draft", "task", "flag") if kinds[kind]
    ]
    return lines + (
        [f"Waiting for a human: {', '.join(waiting)}; the oldest since {_at(opened[0].since)}"] if waiting else []
    )


def _what(one: Open, called: Called) -> str:
    if one.kind == "draft":
        return f"draft by {one.seat} on {one.name}: {called(one.account)}"
    return f"task for {one.assignee or 'anybody'}: {one.name} ({called(one.account)})"


# --- what happened ---------------------------------------------------------------------------------------------------


def _counted(incidents: Iterable[Event], called: Called) -> list[str]:
    """R5: how often each thing happened, by rule, seat and account; the most frequent first."""
    found = Counter((one.event_type, rule_of(one), seat_of(one), one.envelope.account) for one in incidents)
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [f"{kind} {rule} by {seat}: {called(account)}, {n}" for (kind, rule, seat, account), n in ordered]


def rule_of(incident: Event) -> str:
    return incident.rule if isinstance(incident, GuardRefused) else INCIDENTS[type(incident)]


def seat_of(incident: Event) -> str:
    """Whose doing it was: of a refusal, who asked; of a dead message, who was to take it."""
    told = incident.envelope.source
    if isinstance(incident, GuardRefused):
        told = incident.actor
    elif isinstance(incident, MessageDeadLettered):
        told = incident.to_seat
    return told.rpartition("/")[2] or "engine"


def _late(told: Sequence[Event], morning: Morning, called: Called) -> list[str]:
    """R20: leads that were answered too late since yesterday, or were not yet."""
    answers = sorted((one for one in told if isinstance(one, ResponseSent)), key=lambda one: one.envelope.time)
    unwarranted = {one.lead_id for one in told if isinstance(one, LeadTriaged) and not one.response_warranted}
    lines = []
    for lead in told:
        if not isinstance(lead, LeadReceived) or lead.lead_id in unwarranted:
            continue
        by = morning.hours.add(lead.envelope.time, ANSWER_WITHIN)
        answer = next((one for one in answers if _answers(one, lead)), None)
        if answer is None and morning.now > by:
            lines.append(f"R20 not answered: {called(lead.envelope.account)}, a lead of {_at(lead.envelope.time)}")
        elif answer is not None and answer.envelope.time > by and answer.envelope.time > morning.since:
            took = answer.envelope.time - lead.envelope.time
            lines.append(f"R20 answered late: {called(lead.envelope.account)}, after {_hours(took)}")
    return lines


def _answers(answer: ResponseSent, lead: LeadReceived) -> bool:
    if answer.lead_id is not None:
        return answer.lead_id == lead.lead_id
    return answer.envelope.account == lead.envelope.account and answer.envelope.time >= lead.envelope.time


def _kickoffs(told: Sequence[Event]) -> list[str]:
    """R35: how long it took from a won deal to its booked kickoff, of half of them and of nine in ten."""
    booked: dict[str, datetime] = {}
    for one in told:
        if isinstance(one, KickoffBooked):
            booked.setdefault(one.envelope.account, one.booked_at or one.envelope.time)
    took = [
        max(booked[one.envelope.account] - (one.closed_at or one.envelope.time), timedelta(0))
        for one in told
        if isinstance(one, DealWon) and one.envelope.account in booked
    ]
    if not took:
        return []
    half, most = percentiles(took)
    return [
        f"R35 won to kickoff booked: p50 {_hours(half)}, p90 {_hours(most)} ({len(took)} deals in {DEALS.days} days)"
    ]


def percentiles(spans: Sequence[timedelta]) -> tuple[timedelta, timedelta]:
    """The 50th and the 90th percentile."""
    if len(spans) == 1:
        return spans[0], spans[0]
    cuts = quantiles([span.total_seconds() for span in spans], n=10, method="inclusive")
    return timedelta(seconds=cuts[4]), timedelta(seconds=cuts[8])


# --- in words --------------------------------------------------------------------------------------------------------


def _source(one: SourceState, now: datetime) -> str:
    last = "has told nothing yet" if one.last_at is None else f"last told at {_at(one.last_at)}"
    if one.failing:
        return f"STALE {one.name}: {last}; {one.failing}"
    return f"{'STALE ' if stale([one], now) else ''}{one.name}: {last}"


def _at(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} h"


def _short(lines: Sequence[str]) -> tuple[str, ...]:
    if len(lines) > LINES:
        return (*lines[:LINES], f"and {len(lines) - LINES} more")
    return tuple(lines) or ("nothing",)
