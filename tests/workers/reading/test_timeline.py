"""The timeline of a customer."""

from __future__ import annotations

from seamline_workers.store import desk_schema, schema
from seamline_workers.store.reading.query import Query
from seamline_workers.store.reading.timeline import timeline
from seamline_workers.store.store import Store
from support.seed import MINUTE, START, Seed


def fill(seed: Seed) -> int:
    account = seed.account()
    seed.identity(account, "email", "dana@example.com")
    seq = seed.event(account)
    seed.handoff(seq, "dirk", account, schema.DONE)
    seed.effect(seq, "dirk", desk_schema.LOG, data="Dana looked at page 3")
    seed.flag(account, count=2, evidence=f'["{seed.event_uuid(seq)}"]')
    seed.task(account)
    seed.message(account)
    seed.deadline(account)
    seed.deadline(account, kind="daily")
    return account


def test_a_timeline_tells_everything_about_an_account_oldest_first(store: Store, seed: Seed) -> None:
    fill(seed)
    seed.event(seed.account("Somebody else"))
    found = timeline(store, "dana@example.com", Query(), unmasked=True)
    assert found is not None
    assert [item["kind"] for item in found["items"]] == [
        "event",
        "handoff",
        "log",
        "flag",
        "task",
        "message",
        "deadline",
    ]
    assert [item["seat"] for item in found["items"]] == [None, "dirk", "dirk", "dirk", "dirk", "pepper", "dirk"]
    assert [str(seed.event_uuid(1))] * 3 == [item["cause"] for item in found["items"][1:4]]
    assert found["items"][3]["text"] == "proposal-viewed (2 times): Dana Reyes opened the proposal"


def test_a_viewer_reads_a_timeline_without_names(store: Store, seed: Seed) -> None:
    account = fill(seed)
    assert "Dana" not in str(timeline(store, str(account), Query(), unmasked=False))


def test_pages_of_a_timeline_join_without_gap_or_repeat_even_at_one_instant(store: Store, seed: Seed) -> None:
    account = seed.account()
    for _ in range(3):
        seq = seed.event(account, occurred_at=START)
        for seat in ("dirk", "pulse"):
            seed.handoff(seq, seat, account, schema.DONE, created_at=START)
            seed.effect(seq, seat, desk_schema.LOG, key="a", at=START, data="x")
        seed.flag(account, raised_at=START, key=str(seq))
        seed.task(account, created_at=START)
        seed.message(account, created_at=START)
    whole = timeline(store, str(account), Query(), unmasked=True)
    assert whole is not None
    assert len(whole["items"]) == 24
    for limit in (1, 2, 5):
        seen, cursor = [], None
        for _ in range(30):
            page = timeline(store, str(account), Query(limit=limit, cursor=cursor), unmasked=True)
            assert page is not None
            seen += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
        assert whole["items"] == seen


def test_a_timeline_stands_by_when_things_happened_and_holds_what_is_linked(store: Store, seed: Seed) -> None:
    head = seed.account()
    member = seed.account(group_id=head)
    late = seed.event(member, occurred_at=START - MINUTE)
    first = seed.event(head, occurred_at=START - 2 * MINUTE)
    found = timeline(store, str(member), Query(), unmasked=True)
    assert found is not None
    assert [str(seed.event_uuid(first)), str(seed.event_uuid(late))] == [item["id"] for item in found["items"]]


def test_a_timeline_narrows_to_a_type_a_seat_and_a_span(store: Store, seed: Seed) -> None:
    account = fill(seed)
    seed.event(account, type="deal.won")

    def kinds(**words: str) -> list[str]:
        found = timeline(store, str(account), Query.read(words, now=seed.now), unmasked=True)
        assert found is not None
        return [item["kind"] for item in found["items"]]

    assert kinds(type="deal.won") == ["event"]
    assert kinds(type="proposal.*") == ["event", "handoff", "log"]
    assert kinds(seat="pepper") == ["message"]
    assert kinds(since="30s") == ["event"]


def test_nobody_has_no_timeline(store: Store, seed: Seed) -> None:
    assert timeline(store, "nobody@example.com", Query(), unmasked=True) is None
