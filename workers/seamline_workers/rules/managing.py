"""Who looks after a customer: the newest word about it stands in the account."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import text

from seamline.events import ContactAssigned
from seamline_workers.rules.following import Moment, Reaction
from seamline_workers.store.entry import Entry

_SET = text("UPDATE accounts SET manager = :manager WHERE id = :group")


def reactions() -> Iterator[tuple[str, Reaction]]:
    """What is done because of which event type."""
    yield ContactAssigned.event_type, _assign


def _assign(moment: Moment, told: Entry) -> list[Entry]:
    """Write it, unless a later one is known."""
    group = moment.locked[told.account_id]
    newest = group.projection.last(told.type)
    if newest is not None and newest[1] == told.id.hex():
        moment.connection.execute(_SET, {"manager": told.fields["manager"], "group": group.id})
    return []
