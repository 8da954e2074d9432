"""Growth: what an event costs in a store that holds a hundred times as many, and what memory deliveries leave behind.

The large store is what the engine itself has written for some thousand events, copied row by row under other numbers,
keys and ids. Both parts are bounded in time: the page says how far they came.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Table, text

from benchmarks import ours
from benchmarks.bulk import move_sequences, settle
from benchmarks.contestant import Running, Site
from benchmarks.cpu import spent, usage
from benchmarks.load import Load, prepared
from benchmarks.workload import Workload
from seamline_workers.store import desk_schema, schema
from seamline_workers.store.store import Store, open_store
from support.servers import Postgres, Redis

SMALL, LARGE, MEASURED = 10_000, 1_000_000, 4_000
FEW, MANY, STEP = 20_000, 200_000, 20_000
#: Seconds that may go into filling the large store, and into the deliveries whose memory is looked at.
FILL_S, SEND_S = 90.0, 50.0
MOST_CPU, MOST_MEMORY, MOST_MIB = 1.3, 1.1, 30.0
SETTLE_S = 0.5
WARM_UP = 500

#: Which number of a copied row is moved by the size of what; other columns are copied, but for ``_OTHERS``.
_MOVED: Mapping[Table, Mapping[str, str]] = {
    schema.deliveries: {"id": "deliveries"},
    schema.items: {"delivery_id": "deliveries"},
    schema.accounts: {"id": "accounts"},
    schema.contacts: {"id": "contacts", "account_id": "accounts"},
    schema.identities: {"account_id": "accounts", "contact_id": "contacts"},
    schema.events: {"seq": "events", "account_id": "accounts", "delivery_id": "deliveries"},
    schema.handoffs: {"event_seq": "events", "account_id": "accounts"},
    desk_schema.flags: {"id": "flags", "account_id": "accounts"},
    desk_schema.effects: {"event_seq": "events"},
}
_SIZES = {
    "deliveries": "SELECT max(id) FROM deliveries",
    "accounts": "SELECT max(id) FROM accounts",
    "contacts": "SELECT max(id) FROM contacts",
    "events": "SELECT seq FROM ledger_head",
    "flags": "SELECT max(id) FROM flags",
}


@dataclass(frozen=True)
class Growth:
    """One store: microseconds of CPU an event in the small and the large store, MiB of the server's memory."""

    store: str
    small_us: float
    large_us: float
    stored: int
    few_mib: float = 0.0
    many_mib: float = 0.0
    deliveries: int = 0

    @property
    def reached(self) -> bool:
        return self.large_us <= self.small_us * MOST_CPU

    @property
    def bounded(self) -> bool:
        return self.many_mib <= min(self.few_mib * MOST_MEMORY, self.few_mib + MOST_MIB)


def measure(servers: tuple[Postgres, Redis], *, postgres: bool) -> Growth:
    """Measure a small store, fill it, measure it again; then the memory of a server in a store of its own."""
    with place(servers, postgres) as (site, store):
        with ours.start(site, True, postgres=postgres, store=store) as running:
            send(running, Workload(SMALL, run="base"), drained=0)
            small_us = cost(running, Workload(MEASURED, run="small"), SMALL)
        stored = fill(open_store(store, pool=1), LARGE)
        with ours.start(site, True, postgres=postgres, store=store) as running:
            large_us = cost(running, Workload(MEASURED, run="large"), stored)
    with place(servers, postgres) as (site, store), ours.start(site, False, postgres=postgres, store=store) as running:
        few, many, sent = _memory(running)
    return Growth("PostgreSQL" if postgres else "SQLite", small_us, large_us, stored, few, many, sent)


@contextmanager
def place(servers: tuple[Postgres, Redis], postgres: bool) -> Iterator[tuple[Site, str]]:
    with tempfile.TemporaryDirectory(prefix="seamline-bench-") as folder, ExitStack() as stack:
        site = Site(*servers, Path(folder))
        yield site, stack.enter_context(site.database()) if postgres else f"sqlite:///{site.folder / 'seamline.db'}"


def cost(running: Running, workload: Workload, stored: int) -> float:
    """Microseconds an event of all parts together, after a warm-up; ``stored`` events are done already."""
    stored += send(running, replace(workload, count=WARM_UP, run=f"{workload.run}-warm", among=workload.among), stored)
    time.sleep(SETTLE_S)
    before = usage(running.trees)
    accepted = send(running, workload, stored)
    time.sleep(SETTLE_S)
    return sum(spent(before, usage(running.trees)).values()) * 1e6 / accepted


def send(running: Running, workload: Workload, drained: int | None = None) -> int:
    """Send a load; with ``drained`` events done before, wait until its own are done too. RuntimeError where not."""
    count = workload.count
    with prepared(Load(running.url, workload)) as sender:
        outcome = sender.run()
    if outcome.accepted != count:
        raise RuntimeError(f"accepted {outcome.accepted} of {count}: {outcome.statuses}")
    end = time.monotonic() + 120
    while drained is not None and running.finished() < drained + count:
        if time.monotonic() > end:
            raise RuntimeError(f"{running.finished()} of {drained + count} events are done")
        time.sleep(0.1)
    return count


def _memory(running: Running) -> tuple[float, float, int]:
    """MiB after FEW deliveries and after MANY, and how many there were in the end."""
    sent, few, end = 0, 0.0, time.monotonic() + SEND_S
    while sent < MANY and (time.monotonic() < end or sent < FEW):
        sent += send(running, Workload(STEP, run=f"memory-{sent}"))
        if sent == FEW:
            few = usage(running.trees)["server"].rss / 2**20
    return few, usage(running.trees)["server"].rss / 2**20, sent


# --- filling --------------------------------------------------------------------------------------------------------


def fill(store: Store, wanted: int) -> int:
    """Copy all that a store holds until it has ``wanted`` events, or time is up. Returns how many it has."""
    try:
        with store.begin() as connection:
            sizes = {name: int(connection.execute(text(query)).scalar_one()) for name, query in _SIZES.items()}
        copies, end = 0, time.monotonic() + FILL_S
        while (copies + 1) * sizes["events"] < wanted and time.monotonic() < end:
            copies += 1
            with store.begin() as connection:
                for table in _MOVED:
                    connection.execute(text(_copy(table, copies, sizes, store.postgres)))
        with store.begin() as connection:
            connection.execute(text("UPDATE ledger_head SET seq = seq * :n"), {"n": copies + 1})
            connection.execute(text("UPDATE seats SET last = last * :n"), {"n": copies + 1})
            if store.postgres:
                move_sequences(connection)
        settle(store)
        return (copies + 1) * sizes["events"]
    finally:
        store.close()


def _copy(table: Table, n: int, sizes: Mapping[str, int], postgres: bool) -> str:
    """The statement that makes the ``n``-th copy of a table's first rows."""
    moved = _MOVED[table]
    others = {
        (schema.deliveries, "key"): f"key || '-{n}'",
        (schema.items, "key"): f"key || '-{n}'",
        (schema.identities, "value"): f"value || '-{n}'",
        (schema.events, "id"): "uuid_send(gen_random_uuid())" if postgres else "randomblob(16)",
        (desk_schema.effects, "ref"): f"CAST(CAST(ref AS bigint) + {n * sizes['flags']} AS text)",
    }
    columns = [column.name for column in table.columns]
    given = [
        f"{name} + {n * sizes[moved[name]]}" if name in moved else others.get((table, name), name) for name in columns
    ]
    first, size = next(iter(moved.items()))
    names = ", ".join(columns)
    return (
        f"INSERT INTO {table.name} ({names}) SELECT {', '.join(given)} FROM {table.name} WHERE {first} <= {sizes[size]}"
    )


# --- the page -------------------------------------------------------------------------------------------------------


def page(found: Sequence[Growth], wrong: Sequence[str]) -> str:
    """The section of the results."""
    cost = [
        f"| {one.store} | {one.small_us:,.0f} | {one.large_us:,.0f} | {one.stored:,} | "
        f"{one.large_us / one.small_us:.2f} | ≤ {MOST_CPU} | {_said(one.reached, one.stored, LARGE)} |"
        for one in found
    ]
    memory = [
        f"| {one.store} | {one.few_mib:,.1f} | {one.many_mib:,.1f} | {one.deliveries:,} | "
        f"≤ {MOST_MEMORY:g} times, ≤ {MOST_MIB:g} MiB more | {_said(one.bounded, one.deliveries, MANY)} |"
        for one in found
        if one.deliveries
    ]
    return "\n".join(
        [
            "## Growth",
            "",
            f"CPU of all parts per event, end to end, over {MEASURED:,} events, in a store of {SMALL:,} events and "
            f"in a large one (wanted: {LARGE:,}), made by copying what the engine had written.",
            "",
            "| store | small: CPU µs | large: CPU µs | events stored | large ÷ small | wanted | reached |",
            "|---" * 7 + "|",
            *cost,
            "",
            f"The server's resident memory after {FEW:,} deliveries, and after many (wanted: {MANY:,}).",
            "",
            "| store | few: MiB | many: MiB | deliveries | wanted | reached |",
            "|---" * 6 + "|",
            *memory,
            *(f"\nWent wrong: {each}" for each in wrong),
        ]
    )


def _said(reached: bool, have: int, wanted: int) -> str:
    if not reached:
        return "**no**"
    return "yes" if have >= wanted * 0.99 else f"yes, as far as it came: {have / wanted:.0%}"
