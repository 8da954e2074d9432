"""An order with a key is carried out once, however often it is sent."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from seamline_workers.refusal import Conflict
from seamline_workers.store.desk_schema import commands
from seamline_workers.store.store import Store, now_us

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True)
class Order:
    """What a person asks for; ``key`` is their own name of it, ``what`` all that tells it from other orders."""

    actor: str
    what: str
    key: str | None = None

    def __post_init__(self) -> None:
        if self.key is not None and not _KEY.fullmatch(self.key):
            raise ValueError("write 1 to 255 printable characters without blanks")

    @property
    def digest(self) -> str:
        return sha256(self.what.encode()).hexdigest()


def carry_out(store: Store, order: Order, work: Callable[[Connection], str]) -> str:
    """Do the work in a transaction, or find what came of it when the order was carried out before.

    ``work`` returns what it made or changed, as ``<list>/<id>``. Raises Conflict where the key was used for another
    order, and what ``work`` raises.
    """
    try:
        with store.begin() as connection:
            if order.key is None:
                return work(connection)
            known = _known(connection, order)
            if known is not None:
                return known
            # Written before the work: of two who come at once the second waits here, and fails if the first commits.
            row = {"actor": order.actor, "key": order.key, "digest": order.digest, "at": now_us()}
            connection.execute(insert(commands).values(**row, ref=""))
            ref = work(connection)
            connection.execute(
                commands.update().where(commands.c.actor == order.actor, commands.c.key == order.key).values(ref=ref)
            )
            return ref
    except IntegrityError:
        with store.begin() as connection:
            known = _known(connection, order)
        if known is None:
            raise
        return known


def _known(connection: Connection, order: Order) -> str | None:
    where = (commands.c.actor == order.actor, commands.c.key == order.key)
    row = connection.execute(select(commands.c.digest, commands.c.ref).where(*where)).first()
    if row is None:
        return None
    if row.digest != order.digest:
        raise Conflict("this Idempotency-Key was used for another request; use a new key for a new request")
    return str(row.ref)
