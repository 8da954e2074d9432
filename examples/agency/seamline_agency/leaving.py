"""Leaving: when a relationship ends, for every seat that has something to do about it, once."""

from __future__ import annotations

from collections.abc import Iterator

from seamline import Ref
from seamline.context import SyncContext
from seamline.events import CampaignStatusChanged, DealWon, LeadReceived, PixelStatusChanged, RelationshipEnded

#: What must be settled before an exit is logged. The guard of the roster asks for the same.
ITEMS = ("pixel", "campaign", "invoice")
#: Who can be asked about an item, and about which of an account's references.
ASKED: dict[str, tuple[str, str]] = {
    "pixel": ("meta", "pixel"),
    "campaign": ("meta", "ad_account"),
    "invoice": ("stripe", "customer"),
}


def end_of(ctx: SyncContext) -> RelationshipEnded | None:
    """The event that first told of the present end; None: the customer has not left, or is back."""
    back = [one.envelope.sequence for kind in (LeadReceived, DealWon) for one in ctx.timeline.all(kind)[:1]]
    since = max(back, default=0)
    told = [one for one in ctx.timeline.all(RelationshipEnded) if one.envelope.sequence > since]
    return told[-1] if told else None


def evidence_of(item: str, ctx: SyncContext) -> Iterator[tuple[Ref, str | None]]:
    """What can be asked about an item: references, each with its source where that is known."""
    provider, kind = ASKED[item]
    refs = [ref for ref in ctx.account.refs if (ref.provider, ref.kind) == (provider, kind)]
    yield from ((ref, None) for ref in refs)
    if refs:
        return  # an advertising account answers for all of its campaigns
    told: dict[str, str] = {}
    if item == "pixel":
        told = {one.pixel_id: one.envelope.source for one in ctx.timeline.all(PixelStatusChanged)}
    elif item == "campaign":
        told = {one.campaign_id: one.envelope.source for one in ctx.timeline.all(CampaignStatusChanged)}
    for number, source in sorted(told.items()):
        if source.startswith("/sources/"):
            yield Ref(of="account", kind=item, id=number, provider=provider), source.removeprefix("/sources/")
