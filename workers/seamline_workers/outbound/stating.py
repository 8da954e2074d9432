"""Stating: what a text says in numbers, against what was said on calls with the same customer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, text

from seamline.events.values import Figure, StatedFigure
from seamline.figure import MINOR, MONEY, Contradiction, amount, close, contradicts
from seamline.guard import Refusal
from seamline.prose import stated_in

#: Most calls that are looked at, the newest.
CALLS = 200
_NOTED = text(f"""
SELECT data FROM events WHERE account_id IN (SELECT id FROM accounts WHERE id = :group OR group_id = :group)
AND type = 'call.noted' ORDER BY occurred_at DESC, seq DESC LIMIT {CALLS}
""")


def contradiction(
    connection: Connection, row: Row[Any], group: int, picks: Mapping[str, float], over: Mapping[str, float] | None
) -> Refusal | None:
    """Refuse a text that states another number than a call did, until a human has picked the text's.

    ``over``: the values that the human picked against, by metric; None: whatever was said until now.
    """
    for found in contradictions(connection, row, group):
        ours, theirs = amount(found.drafted), amount(found.stated)
        pick = picks.get(found.metric)
        picked = pick is not None and close(pick, ours)
        if picked and (over is None or over.get(found.metric) == theirs):
            continue
        reason = f"{found.metric}: this text says {ours}, on a call it was {theirs}"
        if pick is not None and not picked:
            reason += f"; you picked {pick}, which the text does not say: edit it"
        else:
            reason += "; pick the one that holds, and edit the text where it is the other"
        return Refusal("R3", "CONFLICT", reason, missing=(found.metric,), evidence=(str(ours), str(theirs)))
    return None


def contradictions(connection: Connection, row: Row[Any], group: int) -> tuple[Contradiction, ...]:
    """Where a draft's figures, or numbers in its words, are not what a call with the customer noted."""
    noted = [json.loads(data) for (data,) in connection.execute(_NOTED, {"group": group})]
    stated = [StatedFigure.model_validate(one) for told in reversed(noted) for one in told.get("stated_figures", ())]
    if not stated:
        return ()
    drafted: list[Figure | StatedFigure] = [Figure.model_validate(one) for one in json.loads(row.figures)]
    for metric, value in stated_in(f"{row.subject or ''}\n{row.body}"):
        drafted.append(StatedFigure(metric=metric, value=value, unit=MINOR if metric in MONEY else None))
    return contradicts(drafted, stated)
