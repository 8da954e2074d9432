"""What the agency knows of its clients' figures beforehand: whose ad accounts they are, and how they are judged.

Nothing need be set: without a row the first figures that an account's platform told say what is expected of the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import time, timedelta

from seamline.events import MetricsSnapshot
from seamline.trust import Expected

#: Whose ad accounts are whose, by the account's name in the CRM. A snapshot of another ad account is not trusted.
CLIENTS: Mapping[str, tuple[Expected, ...]] = {}


@dataclass(frozen=True)
class Measures:
    """How figures are judged and briefed.

    ``tolerance``: by how much a figure may move before it is corrected. ``cutoff``: by when, in the account's own time,
    yesterday's figures must have come. ``ahead``: how long before a call its manager has them.
    """

    freshness: timedelta = timedelta(hours=18)
    tolerance: float = 0.01
    cutoff: time = time(8)
    ahead: timedelta = timedelta(hours=2)


MEASURES = Measures()


def expected(
    snapshot: MetricsSnapshot,
    client: str | None,
    before: Iterable[MetricsSnapshot],
    clients: Mapping[str, tuple[Expected, ...]] = CLIENTS,
) -> Expected:
    """What a snapshot is to be of: as set for the client, else as the first of its platform before it; else itself."""
    rows = clients.get(client or "", ())
    if rows:
        return next((row for row in rows if row.ad_account_id == snapshot.ad_account_id), rows[0])
    first = min(
        (one for one in before if one.platform == snapshot.platform), key=lambda one: one.as_of, default=snapshot
    )
    return Expected(first.ad_account_id or "", first.currency, first.period.tz)
