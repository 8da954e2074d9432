"""The watch over a client: its days as the detectors read them, what they read, and how readily it answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from seamline.calendar import local_time_on, zone
from seamline.detection import APART, Day, Level, Past, Read, Reading, calls_unbooked, confirm, cpl, lead_volume
from seamline.events import (
    CampaignStatusChanged,
    MeetingBooked,
    MeetingCancelled,
    MeetingNoShow,
    MetricsSnapshot,
)
from seamline.events.values import Grade
from seamline.score import Part, answered
from seamline.silence import Contact
from seamline_agency.totals import Total, totals

#: Days that the detectors can look back upon, at the lowest volume.
REACH = timedelta(days=77)
#: A feed that has told nothing for so long is over: its last day holds up the others no more.
OVER = timedelta(days=14)
#: How far back answers are counted.
ANSWERS = timedelta(days=90)

Feed = tuple[str, str | None]
Bookings = MeetingBooked | MeetingCancelled | MeetingNoShow


@dataclass(frozen=True)
class Told:
    """What a client's days are made of; everything is placed in a ledger."""

    snapshots: Sequence[MetricsSnapshot]
    grades: Mapping[str, Grade]
    bookings: Sequence[Bookings] = ()
    campaigns: Sequence[CampaignStatusChanged] = ()


def days(told: Told) -> list[Day]:
    """The days of which every feed has told figures that can be trusted, oldest first.

    A feed is an ad account. A day is left out while any figure of it is provisional or untrusted, and the days after
    the newest trusted one of the slowest feed: half of a client's leads would look like a fall.
    """
    daily = [one for one in totals(told.snapshots, told.grades) if one.snapshot.period.start == one.day]
    until = _until(daily)
    if until is None:
        return []
    by_day: dict[date, list[Total]] = {}
    for total in daily:
        if until - REACH < total.day <= until:
            by_day.setdefault(total.day, []).append(total)
    tz = max(daily, key=lambda one: one.snapshot.as_of).snapshot.period.tz
    pauses = _pauses(told.campaigns)
    return [
        _day(day, parts, told, tz, pauses)
        for day, parts in sorted(by_day.items())
        if all(one.grade == "trusted" for one in parts)
    ]


def readings(known: Sequence[Day]) -> tuple[Reading, ...]:
    """What the detectors read on the last day; nothing, where there is none."""
    if not known:
        return ()
    last = known[-1].day
    return tuple(detector(known, last=last) for detector in (lead_volume, cpl, calls_unbooked))


def confirmed(known: Sequence[Day], past: Mapping[str, Sequence[Past]] | None = None) -> list[tuple[Reading, Level]]:
    """The readings, each with its level: found again, days after it was found before, it is at risk.

    Whether it was found before is read from the days themselves, too: figures that come all at once are confirmed as
    they would have been day by day. ``past``: what was told before, by signal.
    """
    found = readings(known)
    if not found:
        return []
    earlier = {one.signal: one for one in readings([day for day in known if day.day <= known[-1].day - APART])}
    level = {}
    for reading in found:
        before: list[Read] = [*(past or {}).get(reading.signal, ())]
        before += [earlier[reading.signal]] if reading.signal in earlier else []
        level[reading.signal] = confirm(before, reading)
    return [(reading, level[reading.signal]) for reading in found]


def performance(known: Sequence[Day]) -> dict[str, int | float]:
    """The last seven days in plain figures: leads, and what one cost."""
    if not known:
        return {}
    week = [day for day in known if day.day > known[-1].day - timedelta(days=7)]
    leads = sum(day.leads or 0 for day in week)
    spend = sum(day.spend_minor or 0 for day in week)
    found: dict[str, int | float] = {"leads_7": leads, "spend_7": spend}
    return found | ({"cpl_7": round(spend / leads)} if leads else {})


def responsiveness(contacts: Iterable[Contact], now: datetime) -> Part:
    """How many of our attempts were answered before the next one."""
    recent = sorted(one for one in contacts if one.at > now - ANSWERS)
    attempts = sum(one.kind == "attempt" for one in recent)
    pairs = pairwise(recent)
    return answered(attempts, sum(one.kind == "attempt" and after.kind == "answer" for one, after in pairs))


def _until(daily: Sequence[Total]) -> date | None:
    """The newest day of which every feed that still runs has told what can be trusted."""
    newest: dict[Feed, date] = {}
    for one in daily:
        if one.grade == "trusted":
            feed = (one.snapshot.platform, one.snapshot.ad_account_id)
            newest[feed] = max(newest.get(feed, one.day), one.day)
    if not newest:
        return None
    return min(day for day in newest.values() if day > max(newest.values()) - OVER)


def _day(day: date, parts: Sequence[Total], told: Told, tz: str, pauses: Sequence[tuple[datetime, datetime]]) -> Day:
    shots = [one.snapshot for one in parts]
    currencies = {one.currency for one in shots}
    calls = [one.calls_booked for one in shots if one.calls_booked is not None]
    began = local_time_on(day, time(0), tz)
    ended = local_time_on(day + timedelta(days=1), time(0), tz)
    return Day(
        day=day,
        leads=sum(one.leads for one in shots),
        spend_minor=sum(one.spend for one in shots) if len(currencies) == 1 else None,
        currency=currencies.pop() if len(currencies) == 1 else None,
        booked=sum(calls) if calls else _count(told.bookings, MeetingBooked, day, tz),
        cancelled=_count(told.bookings, MeetingCancelled, day, tz) or 0,
        no_show=_count(told.bookings, MeetingNoShow, day, tz) or 0,
        active=not any(start < ended and end > began for start, end in pauses),
    )


def _count(bookings: Sequence[Bookings], kind: type[Bookings], day: date, tz: str) -> int | None:
    """How many were told on a day; None: no calendar has told anything at all."""
    if not bookings:
        return None
    where = zone(tz)
    return sum(isinstance(one, kind) and _booked_at(one).astimezone(where).date() == day for one in bookings)


def _booked_at(one: Bookings) -> datetime:
    told = one.booked_at if isinstance(one, MeetingBooked) else None
    return told or one.envelope.time


def _pauses(campaigns: Sequence[CampaignStatusChanged]) -> list[tuple[datetime, datetime]]:
    """The times in which every campaign that told how it stands was stopped."""
    states: dict[str, str] = {}
    found: list[tuple[datetime, datetime]] = []
    began: datetime | None = None
    for one in sorted(campaigns, key=lambda one: (one.envelope.time, one.envelope.sequence)):
        states[one.campaign_id] = one.status
        running = "active" in states.values()
        if not running and began is None:
            began = one.envelope.time
        elif running and began is not None:
            found.append((began, one.envelope.time))
            began = None
    if began is not None:
        found.append((began, datetime.max.replace(tzinfo=began.tzinfo)))
    return found
