"""A company whose seat pepper drafts answers, a human at the gate, and a provider that takes them over real HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from seamline import Seat, SyncContext
from seamline.events import LeadReceived, ResponseSent
from seamline.gate import Gate
from support.recording import Mailbox
from support.works import Works, event

#: An hour in microseconds.
HOUR = 3_600_000_000


class Hand:
    """A business clock that stands still until somebody moves it."""

    def __init__(self, at: int = 1_795_176_000_000_000) -> None:
        self.at = at

    def __call__(self) -> int:
        return self.at

    def pass_hours(self, hours: float) -> None:
        self.at += int(hours * HOUR)


@dataclass
class Office:
    """The company, its provider and its clock."""

    works: Works
    mailbox: Mailbox
    clock: Hand

    def lead(self, lead_id: str = "L1", email: str = "dana@acme.example", **fields: Any) -> int:
        """A lead comes in and pepper drafts. Returns the newest draft's id."""
        self.works.tell(event("lead.received", email, lead_id=lead_id, channel="form", **fields))
        self.works.work()
        rows = self.works.drafts()
        return int(rows[-1].id) if rows else 0

    def draft(self, number: int) -> Any:
        return next(row for row in self.works.drafts() if row.id == number)


def drafting(channel: str = "mail", **draft: Any) -> Seat:
    """A seat that answers each lead by a draft like this."""
    pepper = Seat("pepper", owns=["lead.*"])

    @pepper.on(LeadReceived)
    def answer(event: LeadReceived, ctx: SyncContext) -> None:
        told: dict[str, Any] = {
            "to": [event.party.email],
            "subject": "Your question",
            "body": f"Hello, about {event.lead_id}: gern — naïve ✓",
            "sends": ResponseSent,
            "fields": {"lead_id": event.lead_id},
            "key": event.lead_id,
        }
        ctx.draft(channel, **(told | draft))

    return pepper


HUMANS = (Seat("coo", kind="human", owns=["guard.refused"]),)
OPEN = Gate("mail-to-customers", ("coo",), channel="mail")

#: Makes an office; seats that it is given take the place of pepper.
MakeOffice = Callable[..., Office]
