"""Seats, sources, replays and the backlog: what is counted."""

from __future__ import annotations

import pytest

from seamline.seat import Seat
from seamline_workers.store import schema
from seamline_workers.store.reading import moment
from seamline_workers.store.reading.backlog import Waiting, backlog, by_seat, outcomes
from seamline_workers.store.reading.query import InvalidQuery
from seamline_workers.store.reading.replays import Selector, next_deliveries, next_handoffs, plan
from seamline_workers.store.reading.seats import list_seats
from seamline_workers.store.reading.sources import HOUR_US, Described, list_sources
from seamline_workers.store.store import Store
from support.seed import MINUTE, Seed


def test_a_seat_counts_what_waits_for_it_and_what_died(store: Store, seed: Seed) -> None:
    account = seed.account()
    for state in (schema.PENDING, schema.RETRYING, schema.PARKED, schema.NEEDS_HUMAN, schema.DEAD, schema.DONE):
        seed.handoff(seed.event(account), "dirk", account, state)
    newest = seed.now - MINUTE
    seed.handed("dirk")
    dirk, pulse = list_seats(store, [Seat("pulse", owns=["risk.*"]), Seat("dirk", role="Pipeline")])
    assert (dirk["waiting"], dirk["dead"]) == (4, 1)
    assert dirk["last_event_at"] == moment.written(newest)
    assert (pulse["waiting"], pulse["last_event_at"], pulse["owns"]) == (0, None, ["risk.*"])


def test_a_source_counts_its_last_day_from_the_tallies(store: Store, seed: Seed) -> None:
    source = seed.source()
    seed.source("mail", "postmark")
    seed.delivery(source)
    arrived, hour = seed.now, seed.now // HOUR_US * HOUR_US
    for outcome, at, n in [
        ("accepted", hour, 5),
        ("accepted", hour - HOUR_US, 2),
        ("accepted", hour - 30 * HOUR_US, 100),
        ("duplicate", hour, 3),
        ("conflict", hour, 1),
        ("refused:401", hour, 7),
        ("refused:413", hour, 1),
        ("quarantined", hour, 1),
        ("ignored", hour, 4),
    ]:
        seed.put(schema.tallies, source="crm", outcome=outcome, hour=at, n=n)
    for reason in ("no signature", "timestamp 412 s old"):
        seed.put(schema.refusals, at=seed.tick(), source="crm", status=401, reason=reason, headers="{}")
    described = {"crm": Described("https://hooks.example.com/webhooks/crm", "signed", silent_us=MINUTE)}
    crm, mail = list_sources(store, described, now=arrived, wall=arrived)
    assert crm["counts_24h"] == {"accepted": 7, "duplicate": 4, "refused": 8, "quarantined": 1, "ignored": 4}
    assert crm["last_refused"] is not None
    assert crm["last_refused"]["reason"] == "timestamp 412 s old"
    assert (crm["state"], crm["trust"]) == ("active", "signed")
    assert crm["last_delivery_at"] is not None
    assert (mail["name"], mail["url"], mail["last_delivery_at"], mail["counts_24h"]["refused"]) == (
        "mail",
        None,
        None,
        0,
    )
    assert list_sources(store, described, now=arrived + 2 * MINUTE, wall=arrived + 2 * MINUTE)[0]["state"] == "silent"


def test_the_backlog_says_how_much_waits_and_since_when(store: Store, seed: Seed) -> None:
    source, account = seed.source(), seed.account()
    seed.delivery(source, state=schema.RECEIVED)
    since = seed.now
    delivery = seed.delivery(source, state=schema.RECEIVED)
    seed.item(delivery, source, state=schema.FETCHING)
    fetched = seed.now
    seq = seed.event(account)
    appended = seed.now
    seed.handoff(seq, "dirk", account)
    seed.handoff(seed.event(account), "dirk", account)
    seed.handoff(seq, "pulse", account, schema.DEAD)
    seed.task(account, state="done")
    found = backlog(store)
    assert Waiting(2, since) == found["deliveries"]
    assert Waiting(1, fetched) == found["items"]
    assert Waiting(2, appended) == found["handoffs"]
    assert Waiting(1, appended) == found["dead"]
    assert Waiting(0) == found["parked"] == found["tasks"] == found["flags"] == found["replays"]
    assert by_seat(store) == {("dirk", "ready"): 2, ("pulse", "dead"): 1}
    assert found["handoffs"].age_s(appended + MINUTE) == 60.0


def test_outcomes_add_up_over_all_hours(store: Store, seed: Seed) -> None:
    for hour in range(3):
        seed.put(schema.tallies, source="crm", outcome="accepted", hour=hour * HOUR_US, n=2)
    assert outcomes(store) == {("crm", "accepted"): 6}


def test_a_replay_is_planned_with_counts_by_type_and_leaves_later_ones_alone(store: Store, seed: Seed) -> None:
    account = seed.account()
    for event_type, state in [
        ("deal.won", schema.DEAD),
        ("deal.won", schema.DEAD),
        ("proposal.viewed", schema.DEAD),
        ("deal.won", schema.DONE),
    ]:
        seed.handoff(seed.event(account, type=event_type), "dirk", account, state)
    everything = Selector.read("handoffs", {}, prefix="seamline", now=seed.now)
    assert plan(store, everything) == {"total": 3, "by": {"deal.won": 2, "proposal.viewed": 1}, "diff": []}
    typed = Selector.read("handoffs", {"type": "acme.deal.won.v1"}, prefix="acme", now=seed.now)
    assert plan(store, Selector.loads(typed.dumps()))["by"] == {"deal.won": 2}
    bound = Selector("handoffs", {"state": "dead"}, upto=2)
    with store.read() as connection:
        assert next_handoffs(connection, bound, None, 1) == [(1, "dirk")]
        assert next_handoffs(connection, bound, (1, "dirk"), 10) == [(2, "dirk")]
    assert bound == Selector.loads(bound.dumps())


def test_deliveries_are_replayed_from_the_oldest_and_counted_by_source(store: Store, seed: Seed) -> None:
    source = seed.source()
    first, second = (seed.delivery(source, state=schema.QUARANTINED) for _ in range(2))
    seed.delivery(source)
    selector = Selector.read("deliveries", {"source": "crm", "since": "2h"}, prefix="seamline", now=seed.now)
    assert selector.filters["since"].endswith("Z")
    assert plan(store, selector)["by"] == {"crm": 2}
    with store.read() as connection:
        assert [first] == next_deliveries(connection, selector, None, 1)
        assert [second] == next_deliveries(connection, selector, first, 10)


@pytest.mark.parametrize(
    ("what", "filters"), [("events", {}), ("handoffs", {"state": "running"}), ("handoffs", {"x": "1"})]
)
def test_what_cannot_be_run_again_is_refused(what: str, filters: dict[str, str]) -> None:
    with pytest.raises(InvalidQuery):
        Selector.read(what, filters, prefix="seamline", now=0)
