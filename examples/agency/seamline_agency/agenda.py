"""The agenda: an account's meetings as they stand after all bookings, moves and cancellations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from seamline.events import MeetingBooked, MeetingCancelled, MeetingRescheduled


@dataclass(frozen=True)
class Meeting:
    """A meeting that is still to take place, or did."""

    id: str
    starts_at: datetime
    title: str | None = None


def agenda(told: Iterable[MeetingBooked | MeetingRescheduled | MeetingCancelled]) -> dict[str, Meeting]:
    """The meetings by their calendar's id, in whatever order they were told; earliest first."""
    placed = sorted(told, key=lambda one: (one.envelope.time, str(one.id)))
    gone = {one.calendar_event_id for one in placed if isinstance(one, MeetingCancelled)}
    gone |= {
        one.previous_event_id
        for one in placed
        if isinstance(one, MeetingRescheduled) and one.previous_event_id not in (None, one.calendar_event_id)
    }
    standing = {
        one.calendar_event_id: Meeting(one.calendar_event_id, one.starts_at, one.title)
        for one in placed
        if not isinstance(one, MeetingCancelled) and one.calendar_event_id not in gone
    }
    return dict(sorted(standing.items(), key=lambda item: (item[1].starts_at, item[0])))


def next_of(meetings: dict[str, Meeting], after: datetime) -> Meeting | None:
    """The first meeting that has not begun."""
    return next((one for one in meetings.values() if one.starts_at > after), None)
