"""A store that was filled in bulk beside one that the engine has filled with the same webhooks: row by row the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from benchmarks import bulk, ours
from benchmarks.contestant import Site
from benchmarks.growth import send
from benchmarks.workload import Workload
from seamline_workers.store.columns import metadata
from seamline_workers.store.store import Store, now_us, open_store

ACCOUNTS, EACH = 1_000, 3

#: The processes that ran, and what a company's first start writes down, whatever comes in afterwards.
NOT_OF_EVENTS = ("workers", "boundary_maps")
#: When we did something. What follows from when it happened (a projection, say) is compared.
CLOCK = ("received_at", "created_at", "done_at", "at", "raised_at")
#: Counts, in whatever hours they fell.
TALLIES = "SELECT source, outcome, sum(n) AS n FROM tallies GROUP BY source, outcome"
#: What is numbered in the order in which it came, or was done: by what the numbered one is known instead.
NUMBERED = {
    "delivery": "SELECT id, key FROM deliveries",
    "account": "SELECT id, name FROM accounts",
    "contact": "SELECT id, email FROM contacts",
    "event": "SELECT seq, data FROM events",
    "flag": "SELECT id, seat || name || key FROM flags",
}
#: The columns that hold such numbers.
NUMBERS = {
    "deliveries": {"id": "delivery"},
    "items": {"delivery_id": "delivery"},
    "accounts": {"id": "account"},
    "contacts": {"id": "contact", "account_id": "account"},
    "identities": {"account_id": "account", "contact_id": "contact"},
    "events": {"seq": "event", "delivery_id": "delivery", "account_id": "account"},
    "handoffs": {"event_seq": "event", "account_id": "account"},
    "seats": {"last": "event"},
    "flags": {"id": "flag", "account_id": "account"},
    "effects": {"event_seq": "event", "ref": "flag"},
}


def contents(store: Store) -> dict[str, list[str]]:
    """Every row of every table as text, without clocks, and with words for numbers."""
    with store.read() as connection:

        def ask(query: str) -> Any:
            return connection.execute(text(query))

        words = {what: {str(number): word for number, word in ask(query)} for what, query in NUMBERED.items()}
        tables = [table.name for table in metadata.sorted_tables if table.name not in NOT_OF_EVENTS]
        queries = {name: f"SELECT * FROM {name}" for name in tables} | {"tallies": TALLIES}
        return {name: sorted(_plain(name, row, words) for row in ask(q).mappings()) for name, q in queries.items()}


def _plain(table: str, row: Mapping[str, Any], words: Mapping[str, Mapping[str, str]]) -> str:
    numbers = NUMBERS.get(table, {})
    found = {name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()}
    found |= {name: words[what][str(row[name])] for name, what in numbers.items() if row[name] is not None}
    return repr({name: value for name, value in found.items() if name not in CLOCK})


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_store_filled_in_bulk_holds_what_the_engine_would_have_written(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path
) -> None:
    def place(name: str) -> tuple[Path, str]:
        folder = tmp_path / name
        folder.mkdir()
        if kind == "sqlite":
            return folder, f"sqlite:///{folder / 'seamline.db'}"
        server = request.getfixturevalue("postgres_server")
        return folder, server.url(server.create_database())

    begun_ms = now_us() // 1_000 - 60_000
    workload = Workload(ACCOUNTS * EACH, run="both", among=ACCOUNTS, in_turn=True, begun_ms=begun_ms)
    played, filled = place("played"), place("filled")
    site = Site(request.getfixturevalue("postgres_server"), None, played[0])  # type: ignore[arg-type]
    with ours.start(site, True, postgres=kind == "postgres", store=played[1]) as running:
        send(running, workload, drained=0)
        assert running.problems(workload.count) == []
    config = ours.write_company(*filled)
    store = open_store(filled[1], pool=1)
    try:
        assert bulk.load(store, config, workload) == workload.count
        have = contents(store)
    finally:
        store.close()
    store = open_store(played[1], pool=1)
    try:
        wanted = contents(store)
    finally:
        store.close()
    for table in wanted:
        assert have[table] == wanted[table], table
    assert {table: len(rows) for table, rows in have.items() if rows} == {
        "sources": 1,
        "ledger_head": 1,
        "tallies": 1,
        "lanes": 1,
        "seats": 2,
        **dict.fromkeys(("accounts", "contacts"), ACCOUNTS),
        "identities": 3 * ACCOUNTS,
        **dict.fromkeys(("deliveries", "items", "events"), workload.count),
        **dict.fromkeys(("handoffs", "effects", "flags"), 2 * workload.count),
    }
