"""The checklist of an exit is looked at again when something is told about one of its items."""

from __future__ import annotations

from collections.abc import Iterator

from seamline_workers.rules.following import Moment, Reaction
from seamline_workers.store import checks
from seamline_workers.store.entry import Entry

#: Which items of a checklist an event may be about: it is a reason to look at once.
TOLD = {
    "pixel.status_changed": ("pixel",),
    "campaign.status_changed": ("campaign",),
    "invoice.issued": ("invoice",),
    "invoice.paid": ("invoice",),
    "invoice.voided": ("invoice",),
    "subscription.changed": ("invoice",),
}


def reactions() -> Iterator[tuple[str, Reaction]]:
    """What is done because of which event type."""
    for event_type in TOLD:
        yield event_type, _look_again


def _look_again(moment: Moment, told: Entry) -> list[Entry]:
    group = moment.locked[told.account_id]
    if not group.fresh:
        checks.hurry(moment.connection, group.id, TOLD[told.type], moment.now)
    return []
