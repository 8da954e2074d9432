"""The routing table, over the whole catalogue: one owner for every event, and nobody informed who should not be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from seamline import Roster
from seamline.errors import ConfigError
from seamline.events import catalogue
from seamline.seat import matching
from seamline_agency.roster import AGENTS, HUMANS, roster
from seamline_agency.seats.dirk import dirk
from seamline_agency.seats.pepper import pepper

#: The table: globs, their owner, and who else may hear of them. The most specific row wins.
TABLE: Mapping[str, tuple[str | None, set[str]]] = {
    "ad.* audience.* campaign.* pixel.*": ("dash", {"crystal"}),
    "lead.received": ("pepper", set()),
    "lead.untriaged": ("coo", set()),
    "lead.triaged lead.qualified": ("dirk", {"pulse"}),
    "email.* chat.* response.sent": ("pepper", {"dirk", "crystal", "pulse"}),
    "call.completed": ("arin", {"pulse", "dirk"}),
    "proposal.* buying_signal.* followup.* deal.*": ("dirk", {"pulse"}),
    "deal.won contract.*": ("dirk", {"crystal", "pulse"}),
    "project.* onboarding.* kickoff.* milestone.* task.*": ("crystal", {"pepper", "dirk"}),
    "metrics.* brief.* summary.* call.noted": ("dash", {"pulse"}),
    "meeting.*": ("dash", {"dirk", "crystal", "pulse"}),
    "invoice.* subscription.* account.status_changed": ("coo", {"crystal", "pulse"}),
    "signal.* outreach.* risk.* score.*": ("pulse", {"dirk", "crystal"}),
    "expansion.* offer.*": ("dirk", {"pulse"}),
    "expansion.clearance_requested": ("pulse", {"dirk"}),
    "relationship.* exit.*": ("crystal", {"pepper", "dash", "pulse", "dirk"}),
    "coaching.posted": ("arin", set()),
    "briefing.issued guard.refused message.dead_lettered identity.conflict approval.expired": ("coo", {"radar"}),
    "approval.* draft.* deadline.* stage.* message.* identity.* contact.* boundary.* event.*": (None, set()),
}
#: Who makes a judgement that another seat owns.
MADE_ELSEWHERE = {
    "lead.triaged": "pepper",
    "lead.untriaged": "pepper",
    "expansion.recommended": "pulse",
    "expansion.clearance_requested": "dirk",
    "briefing.issued": "radar",
}


def expected(event_type: str) -> tuple[str | None, set[str]]:
    """The row of the table that fits best."""
    rows = [(matching(globs.split(), event_type), row) for globs, row in TABLE.items()]
    return max(rows, key=lambda row: row[0])[1]


@pytest.mark.parametrize("event_type", sorted(catalogue()))
def test_r22_r29_every_event_has_the_owner_of_the_table_and_no_other(event_type: str) -> None:
    owner = roster.owner(event_type)
    assert (None if owner is None else owner.name) == expected(event_type)[0]


@pytest.mark.parametrize("event_type", sorted(catalogue()))
def test_those_are_informed_whom_the_table_names(event_type: str) -> None:
    owner, informed = expected(event_type)
    named = {seat.name for seat in roster.seats if matching(seat.informed, event_type) >= 0} - {owner}
    assert named == informed


@pytest.mark.parametrize("event_type", sorted(catalogue()))
def test_an_event_is_handed_to_nobody_whom_the_table_does_not_name(event_type: str) -> None:
    wanted_owner, wanted_informed = expected(event_type)
    owner, informed = roster.route(event_type)
    assert owner is None or owner.name == wanted_owner
    assert {seat.name for seat in informed} <= wanted_informed


@pytest.mark.parametrize("seat", AGENTS, ids=lambda seat: seat.name)
def test_no_agent_handles_what_it_neither_owns_nor_is_informed_of(seat: object) -> None:
    assert isinstance(seat, type(pepper))
    for event_type in seat.handlers:
        owner, informed = expected(event_type)
        assert seat.name == owner or seat.name in informed, event_type


def test_r15_nobody_but_pepper_is_handed_a_lead() -> None:
    owner, informed = roster.route("lead.received")
    assert owner is pepper
    assert informed == ()


def test_every_judgement_has_one_maker() -> None:
    for event_type, model in catalogue().items():
        if model.nature == "judgement":
            maker, owner = roster.maker(event_type), roster.owner(event_type)
            assert maker is not None, event_type
            assert owner is not None, event_type
            assert maker.name == MADE_ELSEWHERE.get(event_type, owner.name), event_type


def test_a_judgement_with_two_makers_is_a_mistake_in_the_roster() -> None:
    two = Roster([pepper, replace(dirk, makes=["lead.triaged"])])
    with pytest.raises(ConfigError, match=r"lead\.triaged is made by pepper and dirk"):
        two.maker("lead.triaged")


def test_r82_agents_work_inside_and_humans_face_the_customer() -> None:
    assert {seat.facing for seat in AGENTS} == {"internal_operations"}
    assert {seat.facing for seat in HUMANS} == {"customer_facing"}
    assert {seat.kind for seat in HUMANS} == {"human"}
    assert len(AGENTS) == 7


def test_every_seat_says_what_it_does_not_own_and_does_not_own_it() -> None:
    for seat in roster.seats:
        assert seat.does_not_own, seat.name
        for event_type in catalogue():
            owned = roster.owner(event_type) is seat
            assert not (owned and matching(seat.does_not_own, event_type) >= 0), (seat.name, event_type)


def test_every_seat_reports_to_one_that_exists_and_the_coo_to_nobody() -> None:
    names = {seat.name for seat in roster.seats}
    assert {seat.reports_to for seat in roster.seats} - {None} <= names
    assert [seat.name for seat in roster.seats if seat.reports_to is None] == ["coo"]
