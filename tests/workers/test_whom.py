"""Who an event is about, through the whole translation: customers are found, joined, kept apart and parted again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from seamline import Seat, SyncContext
from seamline.events import ContractSigned, ProposalViewed
from seamline_workers.handoff.run import Run, Work
from seamline_workers.store import lanes, linking
from seamline_workers.store.store import now_us
from support.works import Works, event, signed, viewed

MakeWorks = Callable[..., Works]


def ref(id: str, of: str = "person", kind: str = "contact") -> dict[str, Any]:
    return {"refs": [{"of": of, "kind": kind, "id": id}]}


def seen(party: dict[str, Any], n: int | str = 1) -> dict[str, Any]:
    return event("proposal.viewed", party=party, proposal_id=f"P{n}")


def subjects(company: Works) -> list[int]:
    """The account of each fact, in the ledger's order."""
    return [row[0] for row in company.all("SELECT account_id FROM events WHERE source <> '/engine' ORDER BY seq")]


def groups(company: Works) -> int:
    return int(company.one("SELECT count(*) FROM accounts WHERE group_id IS NULL"))


def test_the_same_address_is_the_same_customer_whoever_tells_it(works: MakeWorks) -> None:
    company = works()
    company.source("mail")
    company.tell(viewed(1, "dana@acme.example"))
    company.tell(viewed(2, "Dana@ACME.example"), source="mail")
    assert len(set(subjects(company))) == 1
    assert company.one("SELECT count(*) FROM contacts") == 1


def test_colleagues_of_a_company_are_contacts_of_one_account(works: MakeWorks) -> None:
    company = works()
    company.tell(viewed(1, "dana@acme.example"), viewed(2, "ben@acme.example"))
    assert len(set(subjects(company))) == 1
    assert company.one("SELECT count(*) FROM contacts") == 2


def test_free_mail_joins_nobody(works: MakeWorks) -> None:
    company = works()
    company.tell(viewed(1, "dana@gmail.com"), viewed(2, "ben@gmail.com"))
    assert len(set(subjects(company))) == 2


def test_a_role_mailbox_is_found_again_and_links_nobody(works: MakeWorks) -> None:
    company = works()
    company.tell(seen({"email": "info@acme.example"}), seen({"email": "info@acme.example"}, 2))
    assert len(set(subjects(company))) == 1
    company.tell(seen({"email": "ben@other.example"} | ref("9"), 3))
    company.tell(seen({"email": "info@acme.example"} | ref("9"), 4))
    assert groups(company) == 2
    assert company.types().count("identity.conflict") == 0


def test_our_own_addresses_are_nobody_s(works: MakeWorks) -> None:
    company = works(domains=("agency.example",))
    company.tell(
        event(
            "proposal.viewed",
            party={"email": "robin@agency.example"},
            others=[{"email": "dana@acme.example"}],
            proposal_id="P1",
        )
    )
    company.tell(viewed(2, "dana@acme.example"))
    assert len(set(subjects(company))) == 1
    assert company.one("SELECT count(*) FROM identities WHERE value LIKE '%agency%'") == 0


def test_a_number_of_one_person_finds_them_and_a_shared_number_nobody(works: MakeWorks) -> None:
    company = works()
    phone = {"phone": "+1 512 555 0100"}
    company.tell(seen({"email": "dana@acme.example"} | phone))
    company.tell(seen(phone, 2))
    assert len(set(subjects(company))) == 1
    company.tell(seen({"email": "ben@other.example"}, 3))
    company.tell(seen({"email": "ben@other.example"} | phone, 4))
    company.tell(seen(phone, 5))
    first, second, third, fourth, fifth = subjects(company)
    assert first == second
    assert third == fourth != first
    assert fifth not in (first, third)
    assert company.one("SELECT provisional FROM accounts WHERE id = :id", id=fifth) == 1
    assert groups(company) == 3


@pytest.mark.parametrize("together", [True, False])
def test_who_writes_down_a_customer_s_number_beside_an_address_of_their_own_does_not_become_them(
    works: MakeWorks, together: bool
) -> None:
    company = works()
    phone = {"phone": "+1 512 555 0100"}
    told = [seen({"email": "dana@acme.example"} | phone), seen({"email": "eve@other.example"} | phone, 2)]
    for batch in [told] if together else [[one] for one in told]:
        company.tell(*batch)
    company.tell(seen({"email": "eve@other.example"}, 3))
    company.tell(seen({"email": "dana@acme.example"}, 4))
    dana, eve, eve_again, dana_again = subjects(company)
    assert (dana, eve) == (dana_again, eve_again)
    assert dana != eve
    assert groups(company) == 2
    assert company.types().count("identity.conflict") == 1


def test_a_caller_who_is_known_by_number_alone_brings_their_address_later(works: MakeWorks) -> None:
    company = works()
    phone = {"phone": "+1 512 555 0100"}
    company.tell(seen(phone))
    company.tell(seen({"email": "dana@acme.example"} | phone, 2))
    company.tell(seen({"email": "dana@acme.example"}, 3))
    assert len(set(subjects(company))) == 1
    assert company.one("SELECT email FROM contacts") == "dana@acme.example"


def test_colleagues_who_share_a_number_are_of_one_account_and_no_question(works: MakeWorks) -> None:
    company = works()
    phone = {"phone": "+1 512 555 0100"}
    company.tell(seen({"email": "dana@acme.example"} | phone))
    company.tell(seen({"email": "ben@acme.example"} | phone, 2))
    assert len(set(subjects(company))) == 1
    assert company.one("SELECT count(*) FROM contacts") == 2
    assert "identity.conflict" not in company.types()


def test_a_number_that_two_people_bring_in_one_batch_is_shared_from_then_on(works: MakeWorks) -> None:
    company = works()
    phone = {"phone": "+1 512 555 0100"}
    company.tell(seen({"email": "ben@other.example"}))
    company.tell(seen({"email": "dana@acme.example"} | phone, 2), seen({"email": "ben@other.example"} | phone, 3))
    company.tell(seen(phone, 4))
    company.tell(seen(phone, 5))
    ben, dana, again, nobody, nor_again = subjects(company)
    assert ben == again
    assert len({ben, dana, nobody, nor_again}) == 4


def test_a_number_without_its_country_is_nobody_s(works: MakeWorks) -> None:
    company = works()
    company.tell(seen({"email": "dana@acme.example", "phone": "512 555 0100"}))
    company.tell(seen({"email": "ben@other.example", "phone": "512 555 0100"}, 2))
    assert groups(company) == 2
    assert company.one("SELECT count(*) FROM identities WHERE kind = 'phone'") == 0


def test_two_strong_keys_of_two_customers_are_a_conflict_for_a_human_and_no_merge(works: MakeWorks) -> None:
    company = works()
    company.tell(seen({"email": "dana@acme.example"} | ref("1")))
    company.tell(seen({"email": "ben@other.example"} | ref("2"), 2))
    for n in range(3, 6):
        company.tell(seen({"email": "ben@other.example"} | ref("1"), n))
    assert groups(company) == 2
    assert company.types().count("identity.conflict") == 1
    tasks = company.all("SELECT kind, state FROM tasks")
    assert [tuple(task) for task in tasks] == [("identity", "open")]
    assert subjects(company)[2:] == [subjects(company)[0]] * 3


def test_an_event_that_names_nobody_is_kept_under_its_source(works: MakeWorks) -> None:
    company = works()
    company.tell(seen({"name": "Dana Reyes"}), seen({}, 2))
    assert len(set(subjects(company))) == 1
    assert company.one("SELECT name FROM accounts") == "Unattributed (crm)"


def lead_then_customer(company: Works, *between: Callable[[], None]) -> None:
    """A lead that only its reference names; later it turns out to be Dana."""
    company.tell(seen(ref("42")))
    company.tell(viewed(2))
    for step in between:
        step()
    company.tell(seen({"email": "dana@acme.example"} | ref("42"), 3))


def quiet(name: str, *kinds: Any) -> Seat:
    seat = Seat(name, owns=["proposal.*"])

    @seat.on(ProposalViewed)
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        ctx.log(event.proposal_id)

    return seat


def done_in_order(company: Works) -> list[str]:
    rows = company.all("SELECT data FROM effects ORDER BY at, event_seq")
    return [row[0] for row in rows]


def test_a_provisional_lead_is_linked_when_it_is_known_and_its_waiting_work_moves(works: MakeWorks) -> None:
    company = works(quiet("dirk"))
    lead_then_customer(company)
    assert groups(company) == 1
    assert company.types().count("identity.linked") == 1
    root = company.one("SELECT id FROM accounts WHERE group_id IS NULL")
    assert {row[0] for row in company.all("SELECT account_id FROM handoffs")} == {root}
    assert len(set(subjects(company))) == 2  # the ledger keeps its first subjects
    company.work()
    assert [s for _, _, s in company.states()] == ["done"] * 3
    assert sorted(done_in_order(company)) == ["P1", "P2", "P3"]


def test_what_runs_when_the_link_is_found_ends_where_it_is_and_only_then_the_joined_lane_starts(
    works: MakeWorks,
) -> None:
    seat = Seat("dirk", owns=["proposal.*"])
    order: list[str] = []

    @seat.on(ProposalViewed)
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        order.append(f"{event.proposal_id} begins")
        if event.proposal_id == "P1":
            company.tell(viewed(2), seen({"email": "dana@acme.example"} | ref("42"), 3))
            company.engine.do(Run(Work("seat", "dirk")))
        order.append(f"{event.proposal_id} ends")
        ctx.log(event.proposal_id)

    company = works(seat)
    company.tell(viewed(0))
    company.work()
    order.clear()
    company.tell(seen(ref("42")))
    company.engine.do(Run(Work("seat", "dirk")))
    assert order == ["P1 begins", "P1 ends"]
    with company.store.begin() as connection:
        lanes.wake_due(connection, now_us())
    company.work()
    assert order[2:] == ["P2 begins", "P2 ends", "P3 begins", "P3 ends"]
    assert [s for _, _, s in company.states()] == ["done"] * 4


def test_a_lane_that_goes_on_after_its_group_has_joined_another_reads_all_of_it(works: MakeWorks) -> None:
    seat, seen = Seat("dirk", owns=["proposal.*"]), list[tuple[int, int]]()

    @seat.on(ProposalViewed)
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        seen.append((ctx.timeline.count(ProposalViewed), ctx.account.facts["proposal.viewed"]))
        if event.proposal_id == "P4" and len(seen) == 4:
            raise RuntimeError

    company = works(seat)
    company.tell(viewed(1, "a@a.example"), viewed(2, "b@b.example"), viewed(3, "c@c.example"))
    a, b, c = subjects(company)
    with company.store.begin() as connection:
        linking.join(connection, a, b, evidence="human", now=1)
    company.work()
    company.tell(viewed(4, "a@a.example"))
    company.work()
    assert seen[-1] == (3, 3)
    with company.store.begin() as connection:
        linking.join(connection, c, a, evidence="human", now=2)
    company.write("UPDATE lanes SET due = 1 WHERE held = 1")
    with company.store.begin() as connection:
        lanes.wake_due(connection, now_us())
    company.work()
    assert seen[4:] == [(4, 4)]


def test_who_parks_while_it_is_linked_is_released_by_the_customer_s_fact(works: MakeWorks) -> None:
    seat = Seat("dirk", owns=["proposal.*"])
    runs: list[bool] = []

    @seat.on(ProposalViewed)
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        if event.proposal_id != "P1":
            return
        runs.append(ctx.facts.known(ContractSigned))
        if not runs[1:]:
            company.tell(seen({"email": "dana@acme.example"} | ref("42"), 3))
            ctx.park(ContractSigned, "no contract yet")

    company = works(seat)
    company.tell(viewed(2))
    company.work()
    company.tell(seen(ref("42")))
    company.work()
    assert [s for _, _, s in company.states()] == ["done", "parked", "ready"]
    company.tell(signed(1))
    with company.store.begin() as connection:
        lanes.wake_due(connection, now_us())
    company.work()
    assert [s for _, _, s in company.states()] == ["done"] * 3
    assert runs == [False, True]


def test_a_link_can_be_undone_and_each_has_what_is_its_own_again(works: MakeWorks) -> None:
    company = works(quiet("dirk"))
    lead_then_customer(company)
    before = company.one("SELECT projection FROM accounts WHERE group_id IS NULL")
    edge = company.one("SELECT id FROM links WHERE undone_at IS NULL")
    with company.store.begin() as connection:
        linking.part(connection, edge, now_us())
    assert groups(company) == 2
    rows = company.all("SELECT h.account_id, e.account_id FROM handoffs h JOIN events e ON e.seq = h.event_seq")
    assert all(row[0] == row[1] for row in rows)
    projections = [row[0] for row in company.all("SELECT projection FROM accounts ORDER BY id")]
    assert before not in projections
    company.work()
    assert [s for _, _, s in company.states()] == ["done"] * 3


def test_undoing_a_link_of_links_parts_only_that_side(works: MakeWorks) -> None:
    company = works()
    company.tell(viewed(1, "a@a.example"), viewed(2, "b@b.example"), viewed(3, "c@c.example"))
    a, b, c = subjects(company)
    with company.store.begin() as connection:
        first = linking.join(connection, a, b, evidence="human", now=1)
        linking.join(connection, c, a, evidence="human", now=2)
        assert first is not None
        linking.part(connection, first, 3)
    rows = company.all("SELECT id, coalesce(group_id, id) FROM accounts ORDER BY id")
    assert [tuple(row) for row in rows] == [(a, c), (b, b), (c, c)]


def test_two_webhooks_about_one_new_person_at_once_make_one_account(works: MakeWorks) -> None:
    company = works(quiet("dirk"))
    names = [f"source{n}" for n in range(4)]
    for name in names:
        company.source(name)
        for n in range(5):
            company.deliver(viewed(f"{name}.{n}", f"new{n}@fresh{n}.example"), source=name)
    barrier, errors = threading.Barrier(len(names)), list[BaseException]()

    def translate(name: str) -> None:
        try:
            barrier.wait(10)
            for _ in range(20):
                company.engine.do(Run(Work("source", str(company.sources[name].id))))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=translate, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    for _ in range(5):  # what lost its race three times was given back
        company.engine.orphans.give_back()
        company.translate()
    assert company.one("SELECT count(*) FROM deliveries WHERE state = 2") == 20
    assert company.one("SELECT count(*) FROM accounts") == 5
    assert company.one("SELECT count(*) FROM contacts") == 5
    assert company.one("SELECT count(*) FROM events WHERE type = 'proposal.viewed'") == 20


def test_linking_and_appending_at_once_never_write_to_a_group_that_is_none_any_more(works: MakeWorks) -> None:
    company = works(quiet("dirk"))
    company.tell(viewed(0, "a@a.example"), viewed(1, "b@b.example"))
    a, b = subjects(company)
    company.source("other")
    for n in range(2, 32):
        company.deliver(viewed(n, "b@b.example" if n % 2 else "a@a.example"), source="crm" if n % 3 else "other")
    errors: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    def link_and_part() -> None:
        for _ in range(8):
            with company.store.begin() as connection:
                edge = linking.join(connection, a, b, evidence="human", now=1)
            assert edge is not None
            with company.store.begin() as connection:
                linking.part(connection, edge, 2)

    def translate(name: str) -> None:
        for _ in range(40):
            company.engine.do(Run(Work("source", str(company.sources[name].id))))
            company.engine.do(Run(Work("seat", "dirk")))

    threads = [
        threading.Thread(target=guarded, args=(work,))
        for work in (link_and_part, lambda: translate("crm"), lambda: translate("other"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert errors == []
    for _ in range(5):
        company.engine.orphans.give_back()
        company.translate()
        with company.store.begin() as connection:
            lanes.wake_due(connection, now_us())
        company.work(rounds=100)
    assert [s for _, _, s in company.states()] == ["done"] * 32
    wrong = text("""
    SELECT count(*) FROM handoffs h JOIN events e ON e.seq = h.event_seq JOIN accounts s ON s.id = e.account_id
    WHERE h.state < 2 AND h.account_id <> coalesce(s.group_id, s.id)
    """)
    with company.store.read() as connection:
        assert connection.execute(wrong).scalar_one() == 0
    effects = company.one("SELECT count(*) FROM effects")
    assert effects == 32
