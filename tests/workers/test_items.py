"""Items: each is told, set aside, fetched, remembered and translated again by itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from seamline.adapter import Adapter
from seamline.call import Answer, Call, Calls
from seamline.delivery import Decision, Delivery, Item, Nudge
from seamline.errors import CallRefused, NeedsHuman, PayloadError, RetryLater, SecretMissing
from seamline.events import Event
from seamline.times import rfc3339
from seamline_workers.desk.replay import plan_replay
from seamline_workers.handoff.run import Run, Work
from seamline_workers.jobs.replay import translate_again
from seamline_workers.store import deliveries
from seamline_workers.store.reading.replays import Selector
from seamline_workers.store.schema import DELIVERY_STATES, IGNORED
from seamline_workers.store.store import now_us
from seamline_workers.translation.fetch import ATTEMPTS, LEASE_US
from seamline_workers.translation.interpret import from_us, guarded
from support.works import Teller, Works, answering, event, viewed

MakeWorks = Callable[..., Works]
Give = Callable[[Call], Answer]
HOUR = 3_600_000_000


class Network:
    """What providers answer: a function of the call. ``asked`` are the calls."""

    def __init__(self, give: Give) -> None:
        self.give = give
        self.asked: list[str] = []

    def sender(self, adapter: Adapter, secrets: Mapping[str, tuple[str, ...]]) -> Give:
        def send(call: Call) -> Answer:
            self.asked.append(call.url.rsplit("/", 1)[1])
            return self.give(call)

        return send


def plug(company: Works, give: Give) -> Network:
    network = Network(give)
    company.engine.fetcher.transport = network  # type: ignore[assignment]
    company.engine.poller.transport = network  # type: ignore[assignment]
    return network


def fetch(company: Works) -> None:
    company.engine.do(Run(Work("fetch", "")))


def declined(n: int, **item: Any) -> dict[str, Any]:
    return {"key": f"item{n}", "events": [event("proposal.declined", proposal_id=f"P{n}")]} | item


def state(company: Works, delivery: int) -> tuple[str, str | None]:
    row = company.all("SELECT state, reason FROM deliveries WHERE id = :id", id=delivery)[0]
    return DELIVERY_STATES[row.state], row.reason


def items(company: Works) -> list[str]:
    return [DELIVERY_STATES[row[0]] for row in company.all("SELECT state FROM items ORDER BY delivery_id, n")]


def told(company: Works) -> list[Any]:
    """The proposal and the reason of each fact, in the ledger's order."""
    rows = company.all("SELECT data FROM events WHERE type = 'proposal.declined' ORDER BY seq")
    facts = [json.loads(row[0]) for row in rows]
    return [(fact["proposal_id"], fact.get("reason")) for fact in facts]


# --- one odd element ------------------------------------------------------------------------------------------------


def test_r93_one_odd_element_is_put_aside_alone_with_its_reason(works: MakeWorks) -> None:
    company = works()
    told_by = company.tell(declined(1), declined(2, odd=True), declined(3))
    assert items(company) == ["translated", "quarantined", "translated"]
    assert company.one("SELECT reason FROM items WHERE n = 1") == "this one is odd"
    assert state(company, told_by) == ("translated", None)
    assert [proposal for proposal, _ in told(company)] == ["P1", "P3"]


def test_r90_a_kind_that_means_nothing_here_is_kept_and_counted(works: MakeWorks) -> None:
    company = works()
    unknown = company.tell({"key": "new", "kind": "thing.reinvented", "events": []})
    assert state(company, unknown) == ("ignored", "nothing of it is an event here")
    assert company.all("SELECT body FROM deliveries")[0].body
    assert tuple(company.all("SELECT kind, state FROM items")[0]) == ("thing.reinvented", IGNORED)
    assert company.one("SELECT n FROM tallies WHERE outcome = 'ignored'") == 1


@pytest.mark.parametrize("key", ["x" * 501, "a\x00b", "a\nb"])
def test_an_odd_key_harms_nobody(works: MakeWorks, key: str) -> None:
    company = works()
    company.tell(declined(1), declined(2, key=key), declined(3))
    company.tell(declined(4, key=key))
    assert [proposal for proposal, _ in told(company)] == ["P1", "P2", "P3"]


def test_a_delivery_that_cannot_be_cut_is_put_aside_and_those_behind_it_are_told(works: MakeWorks) -> None:
    company = works()
    broken = company.deliver(body=b"{")
    company.tell(declined(1))
    assert state(company, broken)[0] == "quarantined"
    assert told(company) == [("P1", None)]


def test_more_items_than_a_delivery_may_tell_are_refused_whole(works: MakeWorks) -> None:
    company = works()
    told_by = company.tell(*[declined(n) for n in range(1_001)])
    assert state(company, told_by) == ("quarantined", "the delivery tells 1001 items, more than 1000")
    assert company.one("SELECT count(*) FROM events") == 0


@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt, GeneratorExit, RecursionError])
def test_an_adapter_that_ends_its_thread_puts_only_that_item_aside(works: MakeWorks, end: type[BaseException]) -> None:
    class Ending(Teller):
        def normalize(self, item: Item) -> Iterator[Event | Decision]:
            if item.data.get("odd"):
                raise end
            return super().normalize(item)

    company = works()
    object.__setattr__(company.sources["crm"], "adapter", Ending())
    company.tell(declined(1, odd=True), declined(2))
    assert items(company) == ["quarantined", "translated"]
    assert company.one("SELECT count(*) FROM lanes WHERE lease IS NOT NULL") == 0


def test_what_an_adapter_gives_that_is_no_item_puts_its_delivery_aside(works: MakeWorks) -> None:
    class Plain(Teller):
        def split(self, delivery: Delivery) -> Iterator[Item | Nudge]:
            told = delivery.json()["items"]
            return iter(told) if told[0].get("odd") else super().split(delivery)

    company = works()
    object.__setattr__(company.sources["crm"], "adapter", Plain())
    broken = company.deliver(declined(1, odd=True))
    company.tell(declined(2))
    assert state(company, broken) == ("quarantined", "split: gave a dict, which is no item")
    assert told(company) == [("P2", None)]


def test_what_kills_the_batch_s_transaction_puts_only_itself_aside(works: MakeWorks) -> None:
    company = works()
    ids = [company.deliver(declined(1)), company.deliver(declined(2, entity="e2")), company.deliver(declined(3))]

    class Odd(Teller):
        def split(self, delivery: Delivery) -> Iterator[Item | Nudge]:
            for item in super().split(delivery):
                if isinstance(item, Item) and item.entity:
                    item = Item(item.key, {"is": {1, 2}, **item.data}, entity=item.entity)  # no JSON
                yield item

    object.__setattr__(company.sources["crm"], "adapter", Odd())
    company.translate()
    assert [state(company, one)[0] for one in ids] == ["translated", "quarantined", "translated"]
    assert "cannot be stored" in str(state(company, ids[1])[1])


def test_the_same_item_told_again_by_another_delivery_is_told_once(works: MakeWorks) -> None:
    company = works()
    company.tell(declined(1))
    told_by = company.tell(declined(1, kind="again"))
    assert state(company, told_by) == ("ignored", "every item of it was told before")
    assert told(company) == [("P1", None)]


# --- fetch ----------------------------------------------------------------------------------------------------------


def test_r93_a_missing_field_is_named_and_a_value_that_is_in_no_table_is_not() -> None:
    told = {"status": "jordan"}
    with pytest.raises(PayloadError, match=r"^normalize: a field is missing: email$"):
        guarded("normalize", lambda: told["email"])
    with pytest.raises(PayloadError, match=r"^normalize: a field is missing$"):
        guarded("normalize", lambda: {"open": 1}[told["status"]])


def test_what_could_not_be_read_and_is_told_anew_is_told(works: MakeWorks) -> None:
    company = works()
    company.tell(declined(1, odd=True))
    mended = company.tell(declined(1))
    assert state(company, mended) == ("translated", None)
    assert items(company) == ["quarantined", "translated"]
    again = company.tell(declined(1))
    assert state(company, again) == ("ignored", "every item of it was told before")
    first, second = company.deliver(declined(2, odd=True)), company.deliver(declined(2))
    company.translate()
    assert [state(company, at)[0] for at in (first, second)] == ["quarantined", "translated"]
    assert [proposal for proposal, _ in told(company)] == ["P1", "P2"]


def test_what_could_not_be_read_of_an_entity_and_is_told_anew_is_told(works: MakeWorks) -> None:
    company = works()
    company.tell(declined(1, odd=True, entity="E1"))
    assert state(company, company.tell(declined(1, entity="E1"))) == ("translated", None)


@pytest.mark.parametrize(("at", "basis"), [("1970-01-01T00:00:00Z", "provider"), ("2999-01-01T00:00:00Z", "received")])
def test_a_fact_of_a_wrong_clock_wakes_its_seats_and_is_marked(works: MakeWorks, at: str, basis: str) -> None:
    company = works(live_from=now_us() - 1_000_000)
    company.tell(viewed(1, at=at))
    row = company.all("SELECT history, occurred_at, timebasis FROM events WHERE type = 'proposal.viewed'")[0]
    assert (row.history, row.timebasis) == (0, basis)
    assert row.occurred_at <= now_us()
    assert company.one("SELECT reason FROM items") == "proposal.viewed: its time is not plausible"
    assert company.one("SELECT last_event_at FROM accounts") <= now_us()


def test_a_fact_from_far_ahead_does_not_make_old_what_happens_until_then(works: MakeWorks) -> None:
    company = works()
    company.tell(event("relationship.ended", at="9999-12-31T23:59:59Z"))
    assert company.one("SELECT stage FROM accounts") == "exit"
    company.tell(event("deal.created", at=rfc3339(from_us(now_us())), deal_id="D2"))
    assert company.one("SELECT stage FROM accounts") == "inquiry"


def test_a_thin_item_waits_for_its_fetch_and_those_behind_it_do_not(works: MakeWorks) -> None:
    company = works()
    network = plug(company, lambda _: answering("from the API"))
    told_by = company.tell(declined(1, fetch="one"), declined(2))
    assert told(company) == [("P2", None)]
    assert state(company, told_by) == ("fetching", None)
    fetch(company)
    assert told(company) == [("P2", None), ("P1", "from the API")]
    assert state(company, told_by) == ("translated", None)
    assert network.asked == ["one"]
    stored = json.loads(company.one("SELECT answers FROM items WHERE n = 0"))
    assert stored["thing"][0] == 200


def giving(answers: list[Any]) -> Callable[[Call], Answer]:
    """Gives the next of the answers to each call; one that is an error is raised."""

    def give(call: Call) -> Answer:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    return give


def test_a_fetch_that_is_to_be_tried_later_is_and_keeps_its_patience(works: MakeWorks) -> None:
    answers: list[Any] = [RetryLater("rate limit", timedelta(minutes=7)), answering("at last")]
    company = works()
    plug(company, giving(answers))
    company.tell(declined(1, fetch="one"))
    fetch(company)
    row = company.all("SELECT state, reason, due, attempts FROM items")[0]
    assert (DELIVERY_STATES[row.state], row.reason, row.attempts) == ("fetching", "fetch: rate limit", 1)
    assert abs(row.due - now_us() - 7 * 60_000_000) < 30_000_000
    fetch(company)
    assert len(answers) == 1
    company.write("UPDATE items SET due = 0")
    fetch(company)
    assert told(company) == [("P1", "at last")]


def asks_twice(self: Any, item: Item) -> Calls[None]:
    """A fetch of two calls, as docs/adapter.md says to write it."""
    for name in ("thing", "more"):
        if name not in item.answers:
            yield Call(name, f"https://api.example.com/{name}", secret="api")


@pytest.mark.parametrize("ends", [True, False])
def test_a_fetch_that_fails_half_way_goes_on_there_with_the_answers_that_it_has(works: MakeWorks, ends: bool) -> None:
    answers: list[Any] = [
        answering("the first"), RetryLater("rate limit"), RetryLater("rate limit") if ends else CallRefused("no", 400),
        answering("x"),
    ]  # fmt: skip

    company = works()
    company.source("crm", fetch=asks_twice)
    network = plug(company, giving(answers))
    company.tell(declined(1))
    for _ in range(3):
        company.write("UPDATE items SET due = 0")
        fetch(company)
    if ends:
        assert network.asked == ["thing", "more", "more", "more"]
        assert told(company) == [("P1", "the first")]
        assert set(json.loads(company.one("SELECT answers FROM items"))) == {"thing", "more"}
    else:
        # What is put aside keeps none: translated again, it is asked for whole.
        assert (network.asked, items(company)) == (["thing", "more", "more"], ["quarantined"])
        assert company.one("SELECT answers FROM items") is None


def test_a_fetch_that_lacks_an_optional_secret_half_way_is_told_with_the_answers_that_it_has(works: MakeWorks) -> None:
    def give(call: Call) -> Answer:
        if call.name == "more":
            raise SecretMissing("extra")
        return answering("the first")

    company = works()
    company.source("crm", fetch=asks_twice, optional_secrets=("extra",))
    plug(company, give)
    told_by = company.tell(declined(1))
    fetch(company)
    assert told(company) == [("P1", "the first")]
    assert state(company, told_by)[0] == "translated"
    assert company.one("SELECT reason FROM items") == "fetch skipped: the source has no secret 'extra'"
    assert set(json.loads(company.one("SELECT answers FROM items"))) == {"thing"}


def test_an_answer_in_which_a_provider_says_later_is_not_kept(works: MakeWorks) -> None:
    def judges(self: Any, item: Item) -> Calls[None]:
        for name in ("thing", "more"):
            if name not in item.answers:
                answer = yield Call(name, f"https://api.example.com/{name}", secret="api", accept=(429,))
                if answer.status == 429:
                    raise RetryLater("the limit is reached")

    answers = [answering("the first"), Answer(429, b"{}", {}), answering("x")]
    company = works()
    company.source("crm", fetch=judges)
    network = plug(company, lambda _: answers.pop(0))
    company.tell(declined(1))
    for _ in range(3):
        company.write("UPDATE items SET due = 0")
        fetch(company)
    assert network.asked == ["thing", "more", "more"]
    assert told(company) == [("P1", "the first")]


def test_a_fetch_that_needs_a_human_asks_once_for_all_items_of_its_source(works: MakeWorks) -> None:
    def give(call: Call) -> Answer:
        raise NeedsHuman("the token has expired")

    company = works()
    plug(company, give)
    told_by = company.tell(declined(1, fetch="one"), declined(2, fetch="two"))
    fetch(company)
    assert items(company) == ["needs_human", "needs_human"]
    assert state(company, told_by) == ("needs_human", "fetch: the token has expired")
    tasks = company.all("SELECT title, text FROM tasks")
    assert [tuple(task) for task in tasks] == [("The source crm needs a human", "the token has expired")]


def test_a_fetch_that_is_refused_puts_its_item_aside(works: MakeWorks) -> None:
    def give(call: Call) -> Answer:
        raise CallRefused("404", 404)

    company = works()
    plug(company, give)
    company.tell(declined(1, fetch="one"))
    fetch(company)
    assert items(company) == ["quarantined"]


def test_a_fetch_whose_process_died_is_begun_again_and_not_for_ever(works: MakeWorks) -> None:
    company = works()
    network = plug(company, lambda _: answering())
    company.tell(declined(1, fetch="one"))
    for attempt in range(ATTEMPTS):
        with company.store.begin() as connection:
            now = now_us()
            taken = deliveries.lease_fetches(connection, attempt, now, now + LEASE_US, 8)
        assert len(taken) == 1
        fetch(company)  # somebody else has it
        assert network.asked == []
        company.write("UPDATE items SET due = 0")
    fetch(company)
    assert items(company) == ["quarantined"]
    assert "never ended" in company.one("SELECT reason FROM items")


def test_a_fetcher_that_was_overtaken_writes_nothing(works: MakeWorks) -> None:
    def give(call: Call) -> Answer:
        if not overtaken:
            overtaken.append(1)
            company.write("UPDATE items SET due = 0")
            fetch(company)
        return answering(f"answer {len(overtaken)}")

    overtaken: list[int] = []
    company = works()
    plug(company, give)
    company.tell(declined(1, fetch="one"))
    fetch(company)
    assert told(company) == [("P1", "answer 1")]
    assert company.one("SELECT count(*) FROM events") == 1


def test_items_of_one_entity_are_fetched_one_after_another(works: MakeWorks) -> None:
    fail = [True]

    def give(call: Call) -> Answer:
        if call.url.endswith("first") and fail:
            raise RetryLater("busy", timedelta(minutes=1))
        return answering()

    company = works()
    network = plug(company, give)
    company.tell(
        declined(1, fetch="first", entity="deal/1"),
        declined(2, fetch="second", entity="deal/1"),
        declined(3, fetch="other", entity="deal/2"),
    )
    fetch(company)
    fetch(company)
    assert network.asked == ["first", "other"]
    fail.clear()
    company.write("UPDATE items SET due = 0")
    fetch(company)
    fetch(company)
    assert network.asked == ["first", "other", "first", "second"]
    assert [proposal for proposal, _ in told(company)] == ["P3", "P1", "P2"]


# --- entities -------------------------------------------------------------------------------------------------------


def change(n: int, entity: str = "deal/1", **item: Any) -> dict[str, Any]:
    return declined(n, entity=entity, show_before=True, **item)


def test_an_item_of_an_entity_sees_the_one_before_it_within_and_across_batches(works: MakeWorks) -> None:
    company = works()
    company.tell(change(1), change(2), change(3, "deal/2"))
    company.tell(change(4))
    assert told(company) == [("P1", "null"), ("P2", '"item1"'), ("P3", "null"), ("P4", '"item2"')]


def test_an_old_item_that_comes_again_does_not_become_what_its_entity_is(works: MakeWorks) -> None:
    company = works()
    company.tell(change(1))
    company.tell(change(2))
    company.tell(change(1, kind="again"))
    company.tell(change(3))
    assert told(company)[-1] == ("P3", '"item2"')


def test_what_is_translated_again_has_the_past_that_it_had(works: MakeWorks) -> None:
    company = works()
    company.tell(change(1))
    told_by = company.tell(change(2, odd=True))
    company.tell(change(3))
    mend(company)
    again(company, told_by)
    assert told(company) == [("P1", "null"), ("P3", '"item2"'), ("P2", '"item1"')]
    assert state(company, told_by) == ("translated", None)
    company.tell(change(4))
    assert told(company)[-1] == ("P4", '"item3"')


# --- again ----------------------------------------------------------------------------------------------------------


def mend(company: Works) -> None:
    """A new version of the adapter reads what was odd."""

    class Mended(Teller):
        version = 2

        def normalize(self, item: Item) -> Iterator[Any]:
            return super().normalize(Item(item.key, item.data | {"odd": False}, "", None, item.answers, item.before))

    object.__setattr__(company.sources["crm"], "adapter", Mended())


def again(company: Works, told_by: int) -> None:
    with company.store.begin() as connection:
        assert translate_again(connection, told_by)
    company.translate()


def test_only_what_became_nothing_is_translated_again(works: MakeWorks) -> None:
    company = works()
    told_by = company.tell(declined(1), declined(2, odd=True))
    mend(company)
    again(company, told_by)
    assert told(company) == [("P1", None), ("P2", None)]
    assert items(company) == ["translated", "translated"]
    assert [row[0] for row in company.all("SELECT adapter_version FROM items ORDER BY n")] == [1, 2]
    again(company, told_by)
    assert told(company) == [("P1", None), ("P2", None)]
    assert state(company, told_by) == ("translated", None)


def test_what_was_fetched_is_not_fetched_again(works: MakeWorks) -> None:
    company = works()
    network = plug(company, lambda _: answering("kept"))
    told_by = company.tell(declined(1, fetch="one", odd=True))
    fetch(company)
    assert items(company) == ["quarantined"]
    mend(company)
    again(company, told_by)
    assert network.asked == ["one"]
    assert told(company) == [("P1", "kept")]
    assert company.one("SELECT answers FROM items") is not None


def test_a_delivery_without_its_body_keeps_what_it_became(works: MakeWorks) -> None:
    company = works()
    told_by = company.tell(declined(1, odd=True))
    company.write("UPDATE deliveries SET body = NULL")
    with company.store.begin() as connection:
        assert not translate_again(connection, told_by)
    assert items(company) == ["quarantined"]


@pytest.mark.parametrize(
    ("error", "became"),
    [
        (KeyError("id"), "quarantined"),
        (NeedsHuman("connect the page"), "needs_human"),
        (RetryLater("soon"), "fetching"),
    ],
)
def test_a_fetch_that_fails_before_its_first_call_holds_up_nobody(
    works: MakeWorks, error: Exception, became: str
) -> None:
    class Eager(Teller):
        def fetch(self, item: Item) -> Calls[None]:  # no generator: it runs when it is called
            if item.data.get("odd"):
                raise error
            return super().fetch(item)

    company = works()
    object.__setattr__(company.sources["crm"], "adapter", Eager())
    plug(company, lambda _: answering())
    company.tell(declined(1, odd=True), declined(2, fetch="2"), declined(3))
    fetch(company)
    assert items(company) == [became, "translated", "translated"]


# --- polls ----------------------------------------------------------------------------------------------------------


class Polled(Teller):
    """Its poll reads pages until one says that it is the last."""

    polls: ClassVar[Mapping[str, timedelta]] = {"changes": timedelta(minutes=10)}
    asks = "page"

    def poll(self, poll: str, scope: str, cursor: str | None) -> Calls[str]:
        at = int(cursor or 0)
        while True:
            answer = yield Call(self.asks, f"https://api.example.com/{scope or 'all'}{at}", secret="api")
            at += 1
            if answer.json().get("last"):
                return str(at)


def page(*told: dict[str, Any], last: bool = True) -> Answer:
    return Answer(200, json.dumps({"items": list(told), "last": last}).encode(), {"content-type": "application/json"})


def polling(works: MakeWorks, give: Give) -> tuple[Works, Network]:
    company = works()
    object.__setattr__(company.sources["crm"], "adapter", Polled())
    network = plug(company, give)
    company.engine.poller.arm()
    return company, network


def poll(company: Works) -> bool:
    return company.engine.poller.some()


def test_the_pages_of_a_poll_are_deliveries_and_its_first_pull_wakes_nobody(works: MakeWorks) -> None:
    pages = [page(viewed(1), last=False), page(viewed(2)), page(viewed(3))]
    company, network = polling(works, lambda _: pages.pop(0))
    assert poll(company)
    assert not poll(company)
    rows = company.all("SELECT poll, trust, baseline, target FROM deliveries ORDER BY id")
    assert [tuple(row) for row in rows] == [("changes", "polled", 1, "/polls/changes/page")] * 2
    company.write("UPDATE deliveries SET body = :body WHERE id = 1", body=keyed(1))
    company.write("UPDATE deliveries SET body = :body WHERE id = 2", body=keyed(2))
    company.translate()
    assert [row[0] for row in company.all("SELECT history FROM events ORDER BY seq")] == [1, 1]
    due = company.one("SELECT due FROM polls")
    assert abs(due - now_us() - HOUR / 6) < 60_000_000
    company.write("UPDATE polls SET due = 0")
    assert poll(company)
    assert network.asked == ["all0", "all1", "all2"]
    assert company.one("SELECT baseline FROM deliveries WHERE id = 3") == 0


def keyed(n: int) -> bytes:
    return json.dumps({"items": [{"key": f"page{n}", "events": [viewed(n)]}]}).encode()


@pytest.mark.parametrize(("optional", "armed"), [((), 1), (("api",), 0)])
def test_a_poll_runs_unless_its_source_does_without_the_api(
    works: MakeWorks, optional: tuple[str, ...], armed: int
) -> None:
    company, network = polling(works, lambda _: page())
    company.write("DELETE FROM polls")
    source = company.sources["crm"]
    object.__setattr__(source, "secrets", {})
    object.__setattr__(source, "adapter", type("Odd", (Polled,), {"optional_secrets": optional})())
    company.engine.poller.arm()
    assert company.one("SELECT count(*) FROM polls") == armed
    assert network.asked == []


def test_a_poll_of_many_pages_keeps_its_lease_from_page_to_page(works: MakeWorks) -> None:
    leases = []

    def give(_: Call) -> Answer:
        leases.append(company.one("SELECT lease FROM polls"))
        return page(last=len(leases) == 3)

    company, _ = polling(works, give)
    assert poll(company)
    assert leases == sorted(set(leases))
    assert company.one("SELECT cursor FROM polls") == "3"


def test_a_poll_that_lost_its_lease_stops_at_its_next_page(works: MakeWorks) -> None:
    def give(_: Call) -> Answer:
        company.write("UPDATE polls SET lease = lease + 1")
        return page(viewed(1), last=False)

    company, network = polling(works, give)
    assert poll(company)
    assert network.asked == ["all0"]
    assert company.one("SELECT count(*) FROM deliveries") == 0


def test_many_nudges_are_one_poll(works: MakeWorks) -> None:
    company, network = polling(works, lambda _: page())
    assert poll(company)
    for _ in range(5):
        company.tell({"nudge": "changes"}, {"nudge": "changes", "scope": "calendar1"})
    assert poll(company)
    assert poll(company)
    assert not poll(company)
    assert sorted(network.asked[1:]) == ["all1", "calendar10"]


def test_the_same_page_in_answer_to_another_question_is_another_delivery(works: MakeWorks) -> None:
    company, _ = polling(works, lambda _: page())
    assert poll(company)
    company.tell({"nudge": "changes", "scope": "calendar1"})
    assert poll(company)
    company.write("UPDATE polls SET due = 0 WHERE scope = ''")
    assert poll(company)
    rows = company.all("SELECT poll, scope FROM deliveries WHERE poll IS NOT NULL ORDER BY id")
    assert [tuple(row) for row in rows] == [("changes", ""), ("changes", "calendar1")]


def test_the_same_page_in_answer_to_a_call_of_another_name_is_another_delivery(works: MakeWorks) -> None:
    company, _ = polling(works, lambda _: page())
    for day in (21, 22, 22):
        object.__setattr__(company.sources["crm"].adapter, "asks", f"page?day={day}")
        company.write("UPDATE polls SET due = 0")
        assert poll(company)
    rows = company.all("SELECT target FROM deliveries WHERE poll IS NOT NULL ORDER BY id")
    assert [row[0] for row in rows] == ["/polls/changes/page?day=21", "/polls/changes/page?day=22"]


def test_a_nudge_while_the_poll_runs_makes_one_more_and_none_beside_it(works: MakeWorks) -> None:
    def give(call: Call) -> Answer:
        if len(network.asked) == 1:
            company.tell({"nudge": "changes"})
            beside.append(poll(company))
        return page()

    beside: list[bool] = []
    company, network = polling(works, give)
    assert poll(company)
    assert beside == [False]
    assert poll(company)
    assert not poll(company)
    assert network.asked == ["all0", "all1"]


def test_a_poll_that_fails_keeps_its_cursor_and_is_tried_when_it_may_be(works: MakeWorks) -> None:
    answers: list[Any] = [page(last=False), RetryLater("rate limit", timedelta(minutes=3)), page()]
    company, network = polling(works, giving(answers))
    assert poll(company)
    row = company.all("SELECT cursor, reason, due FROM polls")[0]
    assert (row.cursor, row.reason) == (None, "rate limit")
    assert abs(row.due - now_us() - 3 * 60_000_000) < 30_000_000
    assert company.one("SELECT count(*) FROM deliveries") == 0
    company.write("UPDATE polls SET due = 0")
    assert poll(company)
    assert company.one("SELECT cursor FROM polls") == "1"
    assert network.asked == ["all0", "all1", "all0"]


def test_a_poll_that_has_failed_for_days_is_tried_within_the_hour(works: MakeWorks) -> None:
    def give(call: Call) -> Answer:
        raise RetryLater("the provider is away\x00")

    company, _ = polling(works, give)
    for _ in range(5):
        company.write("UPDATE polls SET due = 0, attempts = 40")
        assert poll(company)
        assert company.one("SELECT due FROM polls") <= now_us() + HOUR
    assert company.one("SELECT reason FROM polls") == "the provider is away"


@pytest.mark.parametrize("after", [timedelta.max, timedelta.min])
def test_no_wait_that_a_provider_asks_for_breaks_the_store(works: MakeWorks, after: timedelta) -> None:
    def give(call: Call) -> Answer:
        raise RetryLater("rate limit", after)

    company, _ = polling(works, give)
    assert poll(company)
    assert company.one("SELECT reason FROM polls") == "rate limit"
    company.tell(declined(1, fetch="1"))
    fetch(company)
    assert company.one("SELECT reason FROM items") == "fetch: rate limit"


def test_a_poll_that_was_overtaken_does_not_move_the_cursor_back(works: MakeWorks) -> None:
    def give(call: Call) -> Answer:
        if len(network.asked) == 1:
            company.write("UPDATE polls SET due = 0, lease = 0")
            assert poll(company)
        return page()

    company, network = polling(works, give)
    assert poll(company)
    assert company.one("SELECT cursor FROM polls") == "1"
    assert company.one("SELECT attempts FROM polls") == 0


def test_two_pollers_at_once_run_a_poll_once(works: MakeWorks) -> None:
    company, network = polling(works, lambda _: page())
    barrier = threading.Barrier(4)

    def go() -> None:
        barrier.wait(10)
        poll(company)

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert network.asked == ["all0"]


def test_an_adapter_that_ends_its_thread_in_a_fetch_or_a_poll_is_seen(works: MakeWorks) -> None:
    def give(call: Call) -> Answer:
        raise SystemExit

    company, _ = polling(works, give)
    assert poll(company)
    assert company.one("SELECT reason FROM polls") == "SystemExit"
    company.tell(declined(1, fetch="1"))
    fetch(company)
    assert items(company) == ["quarantined"]


def test_a_poll_whose_adapter_breaks_is_seen_and_tried_in_an_hour(works: MakeWorks) -> None:
    def give(call: Call) -> Answer:
        raise PayloadError("an answer that nobody can read")

    company, _ = polling(works, give)
    assert poll(company)
    row = company.all("SELECT reason, due FROM polls")[0]
    assert row.reason == "an answer that nobody can read"
    assert abs(row.due - now_us() - HOUR) < 60_000_000


def test_a_replay_is_over_when_all_is_translated_and_counts_what_could_not_be_read_again(works: MakeWorks) -> None:
    company = works()
    mended = company.tell({"key": "one", "events": [viewed(1)]})
    company.tell({"key": "two", "odd": True, "events": []})
    company.write("UPDATE deliveries SET state = 4 WHERE id = :id", id=mended)
    company.write("UPDATE items SET state = 4 WHERE delivery_id = :id", id=mended)
    selector = Selector.read("deliveries", {}, prefix="", now=now_us())
    with company.store.begin() as connection:
        plan_replay(connection, selector, by="a test", now=now_us(), per_second=1_000)

    def step() -> tuple[str, int, int]:
        company.write("UPDATE replays SET due = 0")
        company.engine.do(Run(Work("replay", "")))
        (row,) = company.all("SELECT state, done, failed FROM replays")
        return row.state, row.done, row.failed

    assert step() == ("running", 2, 0)
    assert step() == ("running", 2, 0)  # they wait for their source's lane
    company.translate()
    assert step() == ("done", 2, 1)


def test_what_could_not_be_put_back_is_counted_too(works: MakeWorks) -> None:
    company = works()
    gone = company.tell({"key": "two", "odd": True, "events": []})
    company.write("UPDATE deliveries SET body = NULL WHERE id = :id", id=gone)
    selector = Selector.read("deliveries", {}, prefix="", now=now_us())
    with company.store.begin() as connection:
        plan_replay(connection, selector, by="a test", now=now_us(), per_second=1_000)
    for _ in range(2):
        company.write("UPDATE replays SET due = 0")
        company.engine.do(Run(Work("replay", "")))
    assert [tuple(row) for row in company.all("SELECT state, done, failed FROM replays")] == [("done", 1, 1)]
