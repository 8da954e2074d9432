"""Lists of what came in, what it became, and who works on it; on both stores."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from seamline_workers.store import desk_schema, schema
from seamline_workers.store.reading.accounts import list_accounts, show_account
from seamline_workers.store.reading.deliveries import list_deliveries, show_delivery
from seamline_workers.store.reading.events import Wire, feed, list_events, show_event
from seamline_workers.store.reading.flags import list_flags
from seamline_workers.store.reading.handoffs import STATES, list_handoffs, show_handoff
from seamline_workers.store.reading.items import list_items, show_item
from seamline_workers.store.reading.messages import list_messages
from seamline_workers.store.reading.query import Query
from seamline_workers.store.reading.tasks import list_tasks
from seamline_workers.store.store import Store
from support.seed import MINUTE, START, Seed

OPEN = Wire(unmasked=True)


def ask(**words: str) -> Query:
    return Query.read(words, now=START)


def ids(page: Any) -> list[str]:
    return [item["id"] for item in page["items"]]


def test_a_list_is_newest_first_and_its_pages_join_without_gap_or_repeat(store: Store, seed: Seed) -> None:
    source = seed.source()
    made = [str(seed.delivery(source)) for _ in range(7)]
    seen: list[str] = []
    query = Query(limit=3)
    while True:
        page = list_deliveries(store, query)
        seen += ids(page)
        if page["next"] is None:
            break
        query = Query(limit=3, cursor=page["next"])
    assert list(reversed(made)) == seen


def test_rows_that_come_between_two_pages_shift_nothing(store: Store, seed: Seed) -> None:
    source = seed.source()
    made = [str(seed.delivery(source)) for _ in range(4)]
    first = list_deliveries(store, Query(limit=2))
    seed.delivery(source)
    second = list_deliveries(store, Query(limit=2, cursor=first["next"]))
    assert list(reversed(made)) == ids(first) + ids(second)


def test_a_delivery_tells_its_events_and_shows_its_body_only_where_it_is_unmasked(store: Store, seed: Seed) -> None:
    source, account = seed.source(), seed.account()
    delivery = seed.delivery(source, b"\x00raw")
    seqs = [seed.event(account, delivery_id=delivery) for _ in range(2)]
    seen = show_delivery(store, str(delivery), unmasked=True)
    assert seen is not None
    assert [str(seed.event_uuid(seq)) for seq in seqs] == seen["events"]
    assert b64encode(b"\x00raw").decode() == seen["body"]
    assert seen["headers"] == {"content-type": "application/json"}
    masked = show_delivery(store, str(delivery), unmasked=False)
    assert masked is not None
    assert not {"headers", "body"} & masked.keys()
    assert "headers" not in list_deliveries(store, Query())["items"][0]


def test_a_body_that_retention_took_is_null(store: Store, seed: Seed) -> None:
    delivery = seed.delivery(seed.source(), body=b"gone")
    with store.begin() as connection:
        connection.execute(schema.deliveries.update().values(body=None))
    seen = show_delivery(store, str(delivery), unmasked=True)
    assert seen is not None
    assert seen["body"] is None


@pytest.mark.parametrize("id", ["0", "999", "x", "", "-1", "9" * 40, "1.5"])
def test_an_id_that_nobody_has_shows_nothing(store: Store, id: str) -> None:
    assert show_delivery(store, id, unmasked=True) is None
    assert show_event(store, id, OPEN) is None
    assert show_handoff(store, id) is None
    assert show_item(store, id) is None
    assert show_account(store, id or "nobody", unmasked=True) is None


def test_deliveries_are_found_by_source_state_time_and_by_what_they_became(store: Store, seed: Seed) -> None:
    crm, mail = seed.source(), seed.source("mail", "postmark")
    account = seed.account()
    seed.identity(account, "email", "dana@example.com")
    first = seed.delivery(crm, state=schema.QUARANTINED, reason="the body is not JSON")
    second = seed.delivery(mail)
    cut = seed.now
    third = seed.delivery(crm)
    seq = seed.event(account, type="deal.won", delivery_id=third)
    seed.handoff(seq, "dirk", account)

    def found(**words: str) -> list[str]:
        return ids(list_deliveries(store, ask(**words)))

    assert [str(second)] == found(source="mail")
    assert [str(first)] == found(state="quarantined")
    assert [str(third)] == found(type="deal.*")
    assert [str(third)] == found(account="dana@example.com")
    assert [str(third)] == found(seat="dirk")
    assert found(type="proposal.viewed") == []
    assert found(source="nobody") == []
    written = f"2026-11-20T09:0{(cut - START) // MINUTE}:00Z"
    assert [str(third), str(second)] == found(since=written)
    assert [str(first)] == found(until=written)


def test_items_name_their_delivery_and_their_events(store: Store, seed: Seed) -> None:
    source, account = seed.source(), seed.account()
    delivery = seed.delivery(source)
    seed.item(delivery, source, 0)
    bad = seed.item(delivery, source, 1, state=schema.QUARANTINED, reason="a field is missing: email")
    seq = seed.event(account, delivery_id=delivery, item=0)
    page = list_items(store, Query())
    assert [f"{delivery}.1", f"{delivery}.0"] == ids(page)
    assert [[], [str(seed.event_uuid(seq))]] == [item["events"] for item in page["items"]]
    assert [bad] == ids(list_items(store, ask(state="quarantined")))
    assert [f"{delivery}.0"] == ids(list_items(store, ask(type="proposal.*")))
    assert [f"{delivery}.0"] == ids(list_items(store, Query(limit=1, cursor=list_items(store, Query(limit=1))["next"])))
    shown = show_item(store, bad)
    assert shown is not None
    assert shown["reason"] == "a field is missing: email"


def test_an_event_is_a_cloudevent_with_its_place_and_its_causes(store: Store, seed: Seed) -> None:
    account = seed.account()
    cause = seed.event(account)
    seq = seed.event(account, cause=seed.event_uuid(cause).bytes, correlation=seed.event_uuid(cause).bytes, hops=1)
    seen = show_event(store, str(seed.event_uuid(seq)), Wire("acme", unmasked=True))
    assert seen is not None
    assert (seen["specversion"], seen["type"], seen["sequence"]) == ("1.0", "acme.proposal.viewed.v1", str(seq))
    assert f"accounts/{account}" == seen["subject"]
    assert seen["dataschema"] == "/catalog/proposal.viewed.v1.json"
    assert str(seed.event_uuid(cause)) == seen["causationid"] == seen["correlationid"]
    assert seen["data"]["party"]["email"] == "dana@example.com"
    assert "deliveryid" not in seen
    assert seen["time"].endswith("Z")


def test_r93_what_is_personal_in_an_event_is_masked_for_viewers(store: Store, seed: Seed) -> None:
    seed.event(seed.account())
    seen = list_events(store, Query(), Wire())["items"][0]
    assert (seen["data"]["party"]["name"], seen["data"]["party"]["email"]) == ("***", "***")
    assert seen["data"]["proposal_id"] == "P1"


def test_an_event_of_a_type_that_no_code_declares_is_shown_as_stored_and_masked_whole(store: Store, seed: Seed) -> None:
    seed.event(seed.account(), type="comet.seen", data={"who": "Dana", "n": 1})
    assert list_events(store, Query(), OPEN)["items"][0]["data"] == {"who": "Dana", "n": 1}
    masked = list_events(store, Query(), Wire())["items"][0]
    assert masked["type"] == "seamline.comet.seen.v1"
    assert masked["data"] == {"who": "***", "n": None}


def test_events_of_a_lead_nobody_has_identified_have_it_as_subject(store: Store, seed: Seed) -> None:
    account = seed.account(provisional=1)
    seed.event(account)
    assert f"leads/{account}" == list_events(store, Query(), OPEN)["items"][0]["subject"]


def test_events_are_found_by_type_source_seat_and_state_of_their_handoffs(store: Store, seed: Seed) -> None:
    account = seed.account()
    viewed = seed.event(account)
    won = seed.event(account, type="deal.won", source="/sources/pipeline")
    signal = seed.event(account, type="buying_signal.detected", source="/seats/dirk")
    seed.handoff(won, "crystal", account, schema.DEAD)
    seed.handoff(viewed, "dirk", account)

    def found(**words: str) -> list[str]:
        return [event["sequence"] for event in list_events(store, ask(**words), OPEN)["items"]]

    assert [str(viewed)] == found(type="seamline.proposal.viewed.v1")
    assert found(type="proposal.viewed.v2") == []
    assert [str(won)] == found(source="pipeline")
    assert [str(signal), str(viewed)] == found(seat="dirk")
    assert [str(won)] == found(state="dead")
    assert [str(viewed)] == found(state="waiting", seat="dirk")
    assert [str(signal)] == found(type="buying_signal.*")
    assert found(type="buying?signal.detecte") == []
    assert found(type="buyingXsignal.*".lower()) == []


def test_the_feed_goes_on_after_a_number_and_says_how_far_it_has_looked(store: Store, seed: Seed) -> None:
    account = seed.account()
    for n in range(6):
        seed.event(account, type="deal.won" if n % 2 else "proposal.viewed")
    found, reached = feed(store, 1, ask(type="deal.won", limit="2"), OPEN)
    assert ([event["sequence"] for event in found], reached) == (["2", "4"], 4)
    found, reached = feed(store, reached, ask(type="deal.won", limit="2"), OPEN)
    assert ([event["sequence"] for event in found], reached) == (["6"], 6)
    assert feed(store, reached, Query(), OPEN) == ([], 6)


def shown(store: Store) -> dict[str, str]:
    return {item["id"]: item["state"] for item in list_handoffs(store, Query())["items"]}


def test_of_a_lane_the_first_is_ready_and_the_others_wait(store: Store, seed: Seed) -> None:
    account = seed.account()
    first, second = (seed.handoff(seed.event(account), "dirk", account) for _ in range(2))
    other = seed.handoff(1, "pulse", account)
    seed.lane(account, "dirk")
    assert {first: "ready", second: "waiting", other: "ready"} == shown(store)


def test_while_a_lane_is_leased_its_first_one_runs(store: Store, seed: Seed) -> None:
    account = seed.account()
    seed.handoff(seed.event(account), "dirk", account, schema.DONE)
    first, second = (seed.handoff(seed.event(account), "dirk", account) for _ in range(2))
    seed.lane(account, "dirk", lease=77)
    states = shown(store)
    assert (states[first], states[second]) == ("running", "waiting")


def test_behind_a_retry_everything_waits(store: Store, seed: Seed) -> None:
    account = seed.account()
    first = seed.handoff(seed.event(account), "dirk", account, schema.RETRYING, due=START, attempts=2)
    second = seed.handoff(seed.event(account), "dirk", account)
    seed.lane(account, "dirk", held=schema.HELD, due=START)
    assert {first: "retrying", second: "waiting"} == shown(store)


def test_a_lane_that_waits_for_the_lane_it_was_linked_with_has_nothing_ready(store: Store, seed: Seed) -> None:
    account = seed.account()
    first = seed.handoff(seed.event(account), "dirk", account)
    seed.lane(account, "dirk", held=schema.JOINING)
    assert {first: "waiting"} == shown(store)


def test_every_shown_state_finds_exactly_the_handoffs_that_show_it(store: Store, seed: Seed) -> None:
    account, other = seed.account(), seed.account()
    for state in (schema.PARKED, schema.NEEDS_HUMAN, schema.DEAD, schema.CANCELLED, schema.DONE, schema.PENDING):
        seed.handoff(seed.event(account), "dirk", account, state)
    seed.handoff(seed.event(account), "dirk", account)
    seed.lane(account, "dirk", lease=1)
    seed.handoff(seed.event(other), "dirk", other, schema.RETRYING)
    seed.handoff(seed.event(other), "dirk", other)
    seed.handoff(seed.seq, "pulse", other)
    seed.lane(other, "dirk", held=schema.HELD, due=START)
    everyone = shown(store)
    assert set(STATES) == set(everyone.values())
    for told in STATES:
        expected = {name for name, state in everyone.items() if state == told}
        assert expected == set(ids(list_handoffs(store, ask(state=told))))


def test_a_handoff_names_its_effects(store: Store, seed: Seed) -> None:
    account = seed.account()
    seq = seed.event(account)
    handoff = seed.handoff(seq, "dirk", account, schema.DONE)
    seed.effect(seq, "dirk", desk_schema.FLAG, ref="7")
    seed.effect(seq, "dirk", desk_schema.EMIT, ref=str(seed.event_uuid(99)))
    seed.effect(seq, "dirk", desk_schema.LOG, key="0", data="called")
    seed.effect(seq, "pulse", desk_schema.TASK, ref="8")
    found = show_handoff(store, handoff)
    assert found is not None
    assert [
        {"kind": "flag", "id": "7"},
        {"kind": "event", "id": str(seed.event_uuid(99))},
        {"kind": "log", "id": f"{handoff}.0"},
    ] == found["effects"]
    assert (found["as"], found["type"]) == ("owner", "proposal.viewed")


def test_handoffs_of_one_event_at_several_seats_page_without_gap(store: Store, seed: Seed) -> None:
    account = seed.account()
    seq = seed.event(account)
    made = {seed.handoff(seq, seat, account) for seat in ("arin", "crystal", "dash", "dirk", "pulse")}
    seen: list[str] = []
    cursor = None
    for _ in range(3):
        page = list_handoffs(store, Query(limit=2, cursor=cursor))
        seen += ids(page)
        cursor = page["next"]
    assert (sorted(made), None) == (sorted(seen), cursor)


def test_flags_tasks_and_messages_are_found_and_their_words_masked_for_viewers(store: Store, seed: Seed) -> None:
    account = seed.account()
    seed.identity(account, "domain", "acme.example.com")
    flag, cleared = seed.flag(account, count=3), seed.flag(account, name="old", state="cleared", cleared_by="dana")
    task, message = seed.task(account), seed.message(account)
    seed.task(None, title="Look at the queue", kind="incident")
    assert [str(cleared), str(flag)] == ids(list_flags(store, ask(account="acme.example.com"), unmasked=True))
    seen = list_flags(store, ask(state="open"), unmasked=True)["items"]
    assert [(str(flag), 3, "Dana Reyes opened the proposal")] == [(f["id"], f["count"], f["text"]) for f in seen]
    assert [str(task)] == ids(list_tasks(store, ask(account=str(account)), unmasked=True))
    assert [str(message)] == ids(list_messages(store, ask(seat="pepper"), unmasked=True))
    assert ids(list_messages(store, ask(seat="arin"), unmasked=True)) == []
    masked = [
        list_flags(store, Query(), unmasked=False),
        list_tasks(store, Query(), unmasked=False),
        list_messages(store, Query(), unmasked=False),
        list_accounts(store, Query(), unmasked=False),
    ]
    assert "Dana" not in str(masked)
    assert "Acme" not in str(masked)


def test_an_account_shows_its_people_its_references_and_what_is_linked(store: Store, seed: Seed) -> None:
    head = seed.account(projection='{"overlays":["retention"]}', stage="delivery", last_event_at=START)
    member = seed.account("Acme Berlin", group_id=head, stage="inquiry")
    seed.put(schema.contacts, account_id=member, name="Dana Reyes", email="dana@example.com", created_at=START)
    seed.identity(member, "ref", "hubspot\n812\ndeal\n99:1")
    seed.flag(head)
    seed.flag(member, name="other")
    seed.flag(member, name="gone", state="cleared")
    found = show_account(store, "hubspot:deal:99:1", unmasked=True)
    assert found is not None
    assert (str(member), [str(head)], "delivery") == (found["id"], found["linked"], found["stage"])
    assert (found["overlays"], found["open_flags"]) == (["retention"], 2)
    assert found["refs"] == [{"provider": "hubspot", "source": "812", "kind": "deal", "id": "99:1"}]
    assert [contact["email"] for contact in found["contacts"]] == ["dana@example.com"]


@pytest.mark.parametrize(
    "key",
    [
        "dana@example.com",
        "Dana@Example.com",
        "+1 (312) 555-0142",
        "acme.example.com",
        "meta:lead:77",
        "accounts/1",
        "1",
    ],
)
def test_an_account_is_found_by_any_of_its_keys(store: Store, seed: Seed, key: str) -> None:
    account = seed.account()
    seed.identity(account, "email", "dana@example.com")
    seed.identity(account, "phone", "+13125550142")
    seed.identity(account, "domain", "acme.example.com")
    seed.identity(account, "ref", "meta\npage1\nlead\n77")
    seed.identity(seed.account("Other"), "ref", "meta\npage1\nlead\n771")
    assert [str(account)] == ids(list_accounts(store, ask(account=key), unmasked=True))


def test_a_reference_with_wildcards_is_taken_word_for_word(store: Store, seed: Seed) -> None:
    seed.identity(seed.account(), "ref", "meta\npage1\nlead\n77")
    assert ids(list_accounts(store, ask(account="meta:lead:%"), unmasked=True)) == []
    assert ids(list_accounts(store, ask(account="meta:l_ad:77"), unmasked=True)) == []


def test_a_key_that_names_accounts_that_are_not_linked_is_said_to_be_unclear(store: Store, seed: Seed) -> None:
    one, other = seed.account(), seed.account()
    seed.identity(one, "ref", "meta\npage1\nlead\n77")
    seed.identity(other, "ref", "meta\npage2\nlead\n77")
    with pytest.raises(LookupError, match=f"{one}, {other}"):
        show_account(store, "meta:lead:77", unmasked=True)


def test_a_list_makes_as_many_look_ups_for_fifty_rows_as_for_one(store: Store, seed: Seed) -> None:
    source = seed.source()
    statements: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda _c, _cur, text, *_rest: statements.append(text))

    def fill(n: int) -> None:
        for _ in range(n):
            account, delivery = seed.account(), seed.delivery(source)
            seed.item(delivery, source)
            seq = seed.event(account, delivery_id=delivery, item=0)
            seed.handoff(seq, "dirk", account, schema.DONE)
            seed.effect(seq, "dirk", desk_schema.FLAG, ref=str(seed.flag(account, key=str(seq))))

    def looked(what: Callable[[], object]) -> int:
        statements.clear()
        what()
        return len(statements)

    reads: list[Callable[[], object]] = [
        lambda: list_deliveries(store, Query()),
        lambda: list_items(store, Query()),
        lambda: list_events(store, Query(), OPEN),
        lambda: list_handoffs(store, Query()),
        lambda: list_accounts(store, Query(), unmasked=True),
    ]
    fill(1)
    once = [looked(read) for read in reads]
    fill(12)
    assert once == [looked(read) for read in reads]
