"""Coaching: what the calls since the last shift tell a call center team. Counts and hours, nobody's name or number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from seamline.calendar import local_time_on
from seamline.events import CallCompleted
from seamline_agency.settings import Settings

#: How long before the shift a note is written, and how long before it a human should have read it (R74).
AHEAD, READ = timedelta(hours=2), timedelta(minutes=60)
#: Answered calls shorter than this are worth a look, in seconds.
SHORT = 20


def written_at(settings: Settings) -> time:
    """The time of day at which notes are written."""
    return (datetime.combine(date(2000, 1, 2), settings.shift_start) - AHEAD).time()


def shift_start(day: date, settings: Settings) -> datetime:
    return local_time_on(day, settings.shift_start, settings.timezone)


def since(day: date, settings: Settings) -> datetime:
    """When the note of the shift before was written."""
    before = day - timedelta(days=1)
    while before.weekday() not in settings.shift_days:
        before -= timedelta(days=1)
    return local_time_on(before, written_at(settings), settings.timezone)


def facts_of(calls: Sequence[CallCompleted], tz: str) -> dict[str, str]:
    """What a note says, by name; what there is nothing to say about is not there."""
    inbound = [call for call in calls if call.direction == "inbound"]
    if not inbound:
        return {}
    missed = [call for call in inbound if call.outcome != "answered"]
    short = [call for call in inbound if call.outcome == "answered" and (call.duration or SHORT) < SHORT]
    new = sum(call.first_time is True for call in inbound)
    told = {"figures": f"{len(inbound)} calls came in, {len(inbound) - len(missed)} were answered"}
    if missed:
        hours = Counter(call.envelope.time.astimezone(ZoneInfo(tz)).hour for call in missed)
        hour, most = max(sorted(hours.items()), key=lambda one: one[1])
        told["missed"] = (
            f"{_calls(len(missed))} not taken, most of them between {hour}:00 and {hour + 1}:00 ({most}). "
            "Whoever is free then: please stay near the phone, and call back who is still on the list."
        )
    if new:
        told["unknown"] = f"{_calls(new)} from people who called for the first time: ask how they found us."
    if short:
        told["heard"] = f"{_calls(len(short))} over within {SHORT} seconds: ask for name and number first."
    return told


def _calls(n: int) -> str:
    return "One call was" if n == 1 else f"{n} calls were"
