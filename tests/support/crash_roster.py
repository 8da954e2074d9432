"""The roster of the crash tests: two seats, one flag each for a lead, one for a view; some leads are poison."""

from __future__ import annotations

import os
import signal

from seamline import Roster, Seat, SyncContext
from seamline.events import LeadReceived, ProposalViewed

first = Seat("first", owns=["lead.*"])
second = Seat("second")


@first.on(LeadReceived)
def note(event: LeadReceived, ctx: SyncContext) -> None:
    """Raise a flag; a lead named so kills the process that reads it."""
    if event.lead_id.startswith("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    ctx.flag("seen", key=event.lead_id, text="first saw it")


@second.on(LeadReceived)
def note_too(event: LeadReceived, ctx: SyncContext) -> None:
    ctx.flag("seen", key=event.lead_id, text="second saw it")


@second.on(ProposalViewed)
def note_view(event: ProposalViewed, ctx: SyncContext) -> None:
    ctx.flag("viewed", key=event.proposal_id, text="second saw it")


roster = Roster([first, second])
