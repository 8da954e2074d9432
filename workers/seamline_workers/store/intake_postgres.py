"""Keep arrivals in PostgreSQL: one statement a group, on a connection of its own, which heals by itself."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import errors

from seamline_workers.crashpoint import reach
from seamline_workers.store.array import array
from seamline_workers.store.arrival import Accepted, Arrival, Group, StoreBusy, Verdicts, collapse
from seamline_workers.store.store import now_us
from seamline_workers.store.tally import hour_of

#: Longest wait of a statement, and for a lock, in milliseconds.
TIMEOUT_MS = 3_000
#: Longest wait for a connection, in seconds.
CONNECT_S = 3

# Bodies are binary: as text they would be twice as long. The rest are arrays as text (see `array`). A key's other
# bodies are looked for in the statement's own snapshot, which holds nothing of this group: repetitions of a key inside
# the group are told beforehand (`twin`).
# Workers listen on the channel `seamline`.
_KEEP = """
WITH g AS (
    SELECT * FROM unnest(%b::bigint[], %b::text[], %b::bytea[], %b::text[], %b::text[], %b::text[], %b::bytea[],
        %b::bigint[], %b::bigint[], %b::text[], %b::text[], %b::bigint[], %b::text[], %b::text[], %b::bigint[],
        %b::bigint[], %b::int[]::bool[])
    WITH ORDINALITY AS g(source_id, key, digest, method, target, headers, body, size, received_at, trust, scheme,
        secret, poll, scope, baseline, copies, twin, n)
), kept AS (
    INSERT INTO deliveries (source_id, key, digest, method, target, headers, body, size, received_at, trust, scheme,
        secret, poll, scope, baseline, duplicates)
    SELECT source_id, key, digest, method, target, headers, body, size, received_at, trust, scheme, secret, poll,
        scope, baseline, copies FROM g ORDER BY n
    ON CONFLICT (source_id, key, digest) DO UPDATE SET duplicates = deliveries.duplicates + excluded.duplicates + 1
    RETURNING id, source_id, key, digest, xmax = 0 AS fresh
), told AS (
    SELECT kept.id, g.n, g.source_id, g.copies, kept.fresh, kept.fresh AND kept.key <> '' AND (g.twin OR EXISTS (
        SELECT 1 FROM deliveries o
        WHERE o.source_id = kept.source_id AND o.key = kept.key AND o.digest <> kept.digest)) AS conflict
    FROM kept JOIN g USING (source_id, key, digest)
), counted AS (
    INSERT INTO tallies (source, outcome, hour, n)
    SELECT s.name, c.outcome, %b::bigint, sum(c.n) FROM (
        SELECT source_id, CASE WHEN fresh THEN 'accepted' ELSE 'duplicate' END AS outcome, 1 AS n FROM told
        UNION ALL SELECT source_id, 'duplicate', copies FROM told WHERE copies > 0
        UNION ALL SELECT source_id, 'conflict', 1 FROM told WHERE conflict) c
    JOIN sources s ON s.id = c.source_id GROUP BY s.name, c.outcome ORDER BY s.name, c.outcome
    ON CONFLICT (source, outcome, hour) DO UPDATE SET n = tallies.n + excluded.n
)
SELECT n, id, fresh, conflict, (SELECT pg_notify('seamline', '')::text) FROM told
"""

#: Errors that say that the transaction did not happen and may happen the next time.
_PASSING = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.InsufficientResources,  # disk full, out of memory, too many connections
    errors.OperatorIntervention,
)


class PostgresIntake:
    """The one connection over which this process takes in. ``accept`` is for one thread at a time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[Any] | None = None
        self._guard = threading.Lock()

    def accept(self, arrivals: Sequence[Arrival]) -> Verdicts:
        """Keep a group. Raises StoreBusy where the store cannot, or cannot say whether it did."""
        for last in (False, True):
            try:
                return self._transact(arrivals)
            except (errors.DeadlockDetected, errors.SerializationFailure) as error:
                if last:
                    raise StoreBusy(f"the store is contended: {type(error).__name__}") from error
            except errors.ReadOnlySqlTransaction as error:
                self.close()  # a standby since a failover: the address leads elsewhere by now, or soon
                raise StoreBusy("the store can only be read: it is a standby, or set so") from error
            except _PASSING as error:
                raise StoreBusy(f"the store cannot write: {type(error).__name__}") from error
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as error:
                self.close()
                raise StoreBusy(f"the store does not answer: {type(error).__name__}") from error
            except (psycopg.Error, ValueError):
                if len(arrivals) == 1:
                    return [None]
                break
        # One row spoils the group: each goes alone, so that its neighbours do not pay for it.
        return [verdict for arrival in arrivals for verdict in self.accept([arrival])]

    def interrupt(self) -> None:
        """Break off what another thread waits for in ``accept``: a server that hangs does not say so by itself."""
        with self._guard:
            if self._connection is None or self._connection.closed:
                return
            with contextlib.suppress(OSError, psycopg.Error):
                copy = socket.socket(fileno=os.dup(self._connection.fileno()))
                with copy:
                    copy.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._guard:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _transact(self, arrivals: Sequence[Arrival]) -> Verdicts:
        connection = self._connected()
        group = collapse(arrivals)
        columns = zip(Arrival._fields, zip(*group.unique, strict=True), strict=True)
        kept: list[object] = [list(column) if name == "body" else array(column) for name, column in columns]
        binds = [*kept, array(group.copies), array(_twins(group)), hour_of(now_us())]
        reach("front.begun")
        # One statement on an autocommit connection is one transaction and one round trip.
        with connection.cursor(binary=True) as cursor:
            rows = cursor.execute(_KEEP, binds, prepare=True).fetchall()
        reach("front.inserted")
        reach("front.committed")
        verdicts = [Accepted(0)] * len(group.unique)
        for n, number, fresh, conflict, _ in rows:
            verdicts[n - 1] = Accepted(number, not fresh, conflict)
        return group.spread(verdicts)

    def _connected(self) -> psycopg.Connection[Any]:
        connection = self._connection
        if connection is not None and not connection.closed and not _readable(connection):
            return connection
        self.close()
        connection = psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=CONNECT_S,
            application_name="seamline front door",
            options=f"-c lock_timeout={TIMEOUT_MS} -c statement_timeout={TIMEOUT_MS} -c synchronous_commit=on",
            tcp_user_timeout=CONNECT_S * 1000,
        )
        with self._guard:
            self._connection = connection
        return connection


def _readable(connection: psycopg.Connection[Any]) -> bool:
    """Whether an idle connection has something to say: it says goodbye."""
    watch = select.poll()
    watch.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(watch.poll(0))


def _twins(group: Group) -> list[bool]:
    """Which arrivals bear a key that an earlier one of the same group bore with other bytes."""
    if not any(arrival.key for arrival in group.unique):
        return [False] * len(group.unique)
    seen: set[tuple[int, str]] = set()
    twins = []
    for arrival in group.unique:
        twins.append(arrival[:2] in seen)
        seen.add(arrival[:2])
    return twins
