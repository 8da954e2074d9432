"""Holding: expansion waits while retention speaks. What the engine says of it, in the transaction that causes it.

Dirk asks (``expansion.clearance_requested``) and is answered from the ledger: granted, or held with what stands in the
way. A risk that is flagged holds what was recommended before.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from seamline.boundary import Roster
from seamline.effect import Flag
from seamline.events import (
    ExpansionClearanceGranted,
    ExpansionClearanceRequested,
    ExpansionHeld,
    ExpansionRecommended,
    OfferSent,
    RiskFlagged,
)
from seamline.guard import Holds
from seamline_workers.rules.following import Moment, Reaction
from seamline_workers.rules.question import refusal_of
from seamline_workers.store.desk_schema import FLAG
from seamline_workers.store.effects import raise_flags
from seamline_workers.store.entry import Entry, control
from seamline_workers.store.outcome import EffectRow

#: The name of the flag that stands for a risk; its key is the risk's id.
RISK = "risk"


def reactions(roster: Roster) -> Iterator[tuple[str, Reaction]]:
    """What is done because of which event type, where the company holds expansion back for retention at all."""
    if any(isinstance(guard, Holds) for guard in roster.guards):
        yield ExpansionClearanceRequested.event_type, answer
        yield RiskFlagged.event_type, hold
        yield RiskFlagged.event_type, show


def answer(moment: Moment, asked: Entry) -> list[Entry]:
    """Grant or hold what was asked for, as the guards of an offer would."""
    fields, group = asked.fields, moment.locked[asked.account_id]
    request = {"request_id": fields["request_id"]}
    refusal = refusal_of(
        moment.connection, moment.roster, OfferSent.event_type, {}, group.id, group.projection, moment.now
    )
    if refusal is None:
        looked = [
            str(UUID(hex=last[1]))
            for guard in _holds(moment.roster)
            if (last := group.projection.last(guard.look.event_type))
        ]
        return [control(ExpansionClearanceGranted.event_type, request | {"evidence": looked}, asked)]
    held = request | {"flag_ids": list(refusal.evidence), "reason": refusal.reason}
    return [control(ExpansionHeld.event_type, held, asked)]


def hold(moment: Moment, flagged: Entry) -> list[Entry]:
    """Hold a recommendation that is open when a risk is flagged."""
    projection = moment.locked[flagged.account_id].projection
    last = projection.last(ExpansionRecommended.event_type)
    if last is None or "recommendation" not in projection.pursuits:
        return []
    flag = flagged.fields["flag_id"]
    told = {
        "flag_ids": [flag],
        "evidence": [str(UUID(hex=last[1]))],
        "reason": "a risk was flagged after it was recommended",
    }
    return [control(ExpansionHeld.event_type, told, flagged)]


def show(moment: Moment, flagged: Entry) -> list[Entry]:
    """Raise the flag that stands for a risk, so that a human has the way out: to clear it, with a reason."""
    fields, seat = flagged.fields, flagged.source.rpartition("/")[2]
    signals = ", ".join(fields.get("signals") or ()) or "no signal named"
    event_id = str(UUID(bytes=flagged.id))
    flag = Flag(RISK, fields["flag_id"], f"{fields['severity'].replace('_', ' ')}: {signals}", "risk", (event_id,))
    # With the account of the risk, not with its group: a link that is undone parts no flag from its risk.
    row = EffectRow(0, seat, FLAG, "", flagged.account_id, event_id, flag)
    raise_flags(moment.connection, [row], moment.now)
    return []


def _holds(roster: Roster) -> list[Holds]:
    return [guard for guard in roster.guards if isinstance(guard, Holds)]
