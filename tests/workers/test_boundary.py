"""Versions of the boundary map: the first holds at once, a changed one when the COO confirms it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from seamline import Gate, Roster, Seat
from seamline.lint import Finding
from seamline_workers.company.process import Process
from seamline_workers.outbound.boundary import confirm, in_force, may_confirm, propose, standing
from seamline_workers.outbound.outbound import Outbound
from seamline_workers.refusal import Conflict, NoSuch
from seamline_workers.rules.plan import Plan
from seamline_workers.store.company import company_account
from seamline_workers.store.schema import events
from seamline_workers.store.store import Store, now_us

AGENT = Seat("dirk", owns=["deal.*"])
COO = Seat("coo", kind="human", facing="customer_facing")


def _process(*gates: Gate) -> Process:
    return Process(Roster((AGENT, COO), gates=gates))


ONE, TWO = _process(Gate("all", ("coo",))), _process(Gate("all", ("coo",), four_eyes=True))


def _propose(store: Store, process: Process) -> str:
    version = propose(store, process)
    assert version is not None
    return version


def _confirm(store: Store, version: str) -> str:
    with store.begin() as connection:
        return confirm(connection, version, Plan(ONE.roster), by="dana", now=now_us())


def _four_eyes(store: Store) -> bool:
    with store.read() as connection:
        version, gates = in_force(connection)
    assert version is not None
    gate = gates.gate("dirk", "mail", "customer", None)
    assert gate is not None
    return gate.four_eyes


def _said(store: Store) -> list[str]:
    with store.begin() as connection:
        of = company_account(connection, 0)
        return list(connection.execute(select(events.c.type).where(events.c.account_id == of)).scalars())


def test_r70_before_any_map_every_way_out_is_closed(store: Store) -> None:
    with store.read() as connection:
        version, gates = in_force(connection)
    assert version is None
    assert gates.gate("dirk", "mail", "customer", None) is None


def test_the_first_map_is_in_force_at_once_and_again_it_is_the_same(store: Store) -> None:
    first = _propose(store, ONE)
    assert _propose(store, ONE) == first
    with store.read() as connection:
        assert in_force(connection).version == first
        holds, proposed = standing(connection)
    assert holds == proposed
    assert not _four_eyes(store)


def test_r77_a_changed_map_takes_effect_when_it_is_confirmed_and_not_before(store: Store) -> None:
    _propose(store, ONE)
    changed = _propose(store, TWO)
    assert not _four_eyes(store)
    assert _confirm(store, changed) == f"boundary/{changed}"
    assert _four_eyes(store)
    assert _said(store) == ["boundary.changed"]


def test_r77_drafts_pass_the_gates_of_the_map_in_force(store: Store) -> None:
    """Whatever the code says by now: a gate that it opened anew is closed until the COO says so."""
    coaching = Gate("coaching", ("coo",), channel="slack", audience="team")
    mail = Gate("mail", ("coo",), channel="mail")
    _propose(store, _process(mail))
    opened = Outbound(_process(mail, coaching).roster)
    changed = _propose(store, _process(mail, coaching))
    with store.read() as connection:
        assert opened.gate(connection, "dirk", "slack", "team", None) is None
        assert opened.gate(connection, "dirk", "mail", "customer", None) == mail
    _confirm(store, changed)
    with store.read() as connection:
        assert opened.gate(connection, "dirk", "slack", "team", None) == coaching


def test_r77_confirmed_twice_it_is_said_once(store: Store) -> None:
    _propose(store, ONE)
    changed = _propose(store, TWO)
    _confirm(store, changed)
    _confirm(store, changed)
    assert _said(store) == ["boundary.changed"]


def test_r77_a_map_that_comes_back_waits_as_any_other(store: Store) -> None:
    first = _propose(store, ONE)
    _confirm(store, _propose(store, TWO))
    assert _propose(store, ONE) == first
    assert _four_eyes(store)
    _confirm(store, first)
    assert not _four_eyes(store)


def test_nobody_confirms_what_they_have_not_seen(store: Store) -> None:
    _propose(store, ONE)
    changed = _propose(store, TWO)
    _propose(store, ONE)
    with pytest.raises(Conflict, match="another map was proposed"):
        _confirm(store, changed)
    with pytest.raises(NoSuch):
        _confirm(store, "0" * 64)


def test_r13_a_broken_process_proposes_no_map(store: Store) -> None:
    broken = Process(ONE.roster, (Finding("error", "gate", "gates.all", "has no approver", "Name one."),))
    assert propose(store, broken) is None
    with store.read() as connection:
        assert standing(connection) == (None, None)


def test_r77_the_coo_is_the_seat_of_that_name_or_whoever_reports_to_nobody() -> None:
    named = Roster((AGENT, Seat("coo", kind="human", assignee="dana"), Seat("owner", kind="human")))
    assert [may_confirm(named, name) for name in ("coo", "dana", "owner", "dirk")] == [True, True, False, False]
    head = Roster((AGENT, Seat("owner", kind="human"), Seat("team", kind="human", reports_to="owner")))
    assert [may_confirm(head, name) for name in ("owner", "team", "dirk")] == [True, False, False]
