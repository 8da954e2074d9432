"""The roster of the crash tests: one flag each for a lead, one for a view, one for a kickoff; a human at the way out.

A lead called answer is answered by a draft; one called deadly kills the process that reads it; one called held stays
there while the file "hold" is beside this.
"""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

from seamline import Roster, Seat, SyncContext
from seamline.events import DealWon, KickoffBooked, KickoffOverdue, LeadReceived, ProposalViewed, ResponseSent
from seamline.gate import Gate

first = Seat("first", owns=["lead.*"])
second = Seat("second", owns=["proposal.*"])
coo = Seat("coo", kind="human")


def _wait() -> None:
    folder, until = Path(__file__).parent, time.monotonic() + 120
    hold = folder / "hold"
    held = hold.exists()
    (folder / f"held in {os.getpid()}").touch()
    while held and hold.exists() and time.monotonic() < until:
        time.sleep(0.01)


@first.on(LeadReceived)
def note(event: LeadReceived, ctx: SyncContext) -> None:
    if event.lead_id.startswith("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    if event.lead_id.startswith("held"):
        _wait()
    if event.lead_id.startswith("answer"):
        ctx.draft("mail", to=[event.party.email or ""], body=event.lead_id, sends=ResponseSent, key=event.lead_id)
    ctx.flag("seen", key=event.lead_id, text=f"first saw it in {os.getpid()}")


@second.on(LeadReceived)
def note_too(event: LeadReceived, ctx: SyncContext) -> None:
    ctx.flag("seen", key=event.lead_id, text=f"second saw it in {os.getpid()}")


@second.on(ProposalViewed)
def note_view(event: ProposalViewed, ctx: SyncContext) -> None:
    ctx.flag("viewed", key=event.proposal_id, text="second saw it")


third = Seat("third", owns=["deal.*", "kickoff.*"])
third.expect(KickoffBooked, after=DealWon, within=timedelta(hours=48), otherwise=KickoffOverdue, rule="R32")


@third.on(KickoffOverdue)
def flag_it(event: KickoffOverdue, ctx: SyncContext) -> None:
    ctx.flag("overdue", key=event.deal_id or "", text="no kickoff is booked", evidence=[event])


roster = Roster([first, second, third, coo], gates=[Gate("mail", ("coo",), channel="mail")])
