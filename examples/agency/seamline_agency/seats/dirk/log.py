"""What Dirk only writes down: a line in the timeline, and nothing for anybody to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from seamline import Context, Event
from seamline.events import (
    ContractSigned,
    DealLost,
    DealStageChanged,
    DealWon,
    FollowupDue,
    LeadTriaged,
    ProposalAccepted,
    ProposalDeclined,
    ProposalExpired,
)
from seamline_agency.seats.dirk.seat import dirk

#: The line of each event; ``{0}`` is the event.
LINES: Mapping[type[Event], str] = {
    LeadTriaged: "In the pipeline: {0.bucket}, {0.urgency}.",
    # R28: the window closes; that starts nothing.
    ProposalAccepted: "Proposal {0.proposal_id} accepted. That is no contract yet.",
    ProposalDeclined: "Proposal {0.proposal_id} declined.",
    ProposalExpired: "Proposal {0.proposal_id} lapsed.",
    FollowupDue: "Now is the time to follow up proposal {0.proposal_id}, until {0.latest:%Y-%m-%d %H:%M} UTC.",
    DealStageChanged: "Deal {0.deal_id} moved to {0.to_stage}.",
    DealWon: "Deal {0.deal_id} won.",
    DealLost: "Deal {0.deal_id} lost.",
    ContractSigned: "Contract {0.contract_id} signed (told by a source of trust {0.envelope.trust!r}).",
}


def _writes(line: str) -> Callable[[Event, Context], Awaitable[None]]:
    async def write(event: Event, ctx: Context) -> None:
        ctx.log(line.format(event))

    return write


for kind, line in LINES.items():
    dirk.on(kind)(_writes(line))
