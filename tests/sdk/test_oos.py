"""Charts from and for elsewhere: what is read, what is kept, what is left for a human to say."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from seamline import ConfigError, Roster, Seat
from seamline.lint import lint
from seamline.map import boundary_map
from seamline.oos import LARGEST, read_oos, skeleton, write_oos
from seamline.seatfile import load_seats
from seamline_agency.roster import roster as agency

FOREIGN = """\
---
oos_version: "1.0"
org_pseudonym: sneeze-like
platforms: [slack]
entities:
  agents:
    - id: AGT_RADAR
      name: Radar
      role: Morning briefing
      authority_level: recommend
      owns: ["Compiles the briefing", briefing.issued]
      does_not_own: [deal.*]
      escalates_to: HUM_HEAD
      tools: [calendar]
  humans:
    - id: HUM_HEAD
      name: Head
      role: Runs it
      contact_email: head@example.com
      slack_id: U123
      override_authority: [AGT_RADAR]
---
# What we do

**[C001]** core_operating_rules
"""
WHEN = "2026-11-22T00:00:00Z"


def _read(text: str, **asked: bool) -> dict[str, object]:
    return {seat.name: seat for seat in read_oos(text.encode(), **asked).seats}


def test_a_foreign_chart_becomes_seats_and_nobody_is_said_to_face_the_customer() -> None:
    charted = read_oos(FOREIGN.encode())
    radar, head = charted.seats
    assert (radar.name, radar.kind, radar.facing) == ("radar", "agent", "internal_operations")
    assert (radar.owns, radar.accountabilities) == (("briefing.issued",), ("Compiles the briefing",))
    assert radar.escalates_to == "head"
    assert (head.name, head.kind, head.facing, head.external_id) == ("head", "human", "unclassified", "HUM_HEAD")
    assert charted.kept["platforms"] == ["slack"]
    assert charted.body.startswith("# What we do")


def test_what_is_not_known_is_kept_and_how_people_are_reached_is_not() -> None:
    radar, head = read_oos(FOREIGN.encode()).seats
    assert radar.kept == {"authority_level": "recommend", "tools": ["calendar"]}
    assert head.kept == {"override_authority": ["AGT_RADAR"]}
    assert head.assignee is None
    _, asked = read_oos(FOREIGN.encode(), keep_contacts=True).seats
    assert (asked.assignee, asked.kept["slack_id"]) == ("head@example.com", "U123")


def test_r82_an_imported_seat_fails_the_process_check_until_a_human_says_its_side(tmp_path: Path) -> None:
    path = tmp_path / "seats.toml"
    path.write_text(skeleton(read_oos(FOREIGN.encode()), "sneeze.oos.md"))
    errors = [finding for finding in lint(Roster(load_seats(path))) if finding.level == "error"]
    assert [(finding.code, finding.subject) for finding in errors] == [("unclassified", "head")]
    path.write_text(path.read_text().replace('"unclassified"', '"customer_facing"'))
    assert [finding for finding in lint(Roster(load_seats(path))) if finding.level == "error"] == []


def test_the_agencys_chart_comes_back_as_it_went(tmp_path: Path) -> None:
    written = write_oos(boundary_map(agency), slug="northwind-agency", generated_at=WHEN)
    path = tmp_path / "seats.toml"
    path.write_text(skeleton(read_oos(written.encode()), "northwind.oos.md"))
    back = {row.id: row for row in boundary_map(Roster(_bare(load_seats(path)))).seats}
    went = {row.id: row for row in boundary_map(Roster(_bare(agency.seats))).seats}
    assert back == went


def _bare(seats: object) -> list[Seat]:
    """Seats with what a chart tells: not what each may make, which is the process's."""
    assert isinstance(seats, (list, tuple))
    return [
        Seat(
            seat.name, role=seat.role, kind=seat.kind, facing=seat.facing, owns=list(seat.owns),
            does_not_own=list(seat.does_not_own), reports_to=seat.reports_to, escalates_to=seat.escalates_to,
        )
        for seat in seats
    ]  # fmt: skip


def test_r83_what_we_write_names_sides_gates_and_claims_of_the_map() -> None:
    told = read_oos(write_oos(boundary_map(agency), slug="northwind-agency", generated_at=WHEN).encode())
    seats = {seat.name: seat for seat in told.seats}
    assert seats["coo"].facing == "customer_facing"
    gates = seats["pepper"].kept["x_gates"]
    assert isinstance(gates, list)
    assert "inquiry" in gates
    assert told.kept["claim_count"] == told.body.count("**[C")
    assert told.kept["claim_count"] == len(agency.gates) + len(agency.guards)
    assert "Evidence: HUMAN_DEFINED_RULE" in told.body


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"x" * (LARGEST + 1), "more than 1024 KiB"),
        (b"\xff", "not UTF-8"),
        (b"# no front\n", "does not begin with YAML"),
        (b"---\nentities: {agents: [}\n---\n", "cannot be read in line 2"),
        (b"---\na: !!python/object/apply:os.getcwd []\n---\n", "cannot be read"),
        (b"---\na: &a [1]\nb: [*a, *a]\n---\n", "aliases"),
        (b"---\n- 1\n---\n", "no table"),
        (b"---\noos_version: '1.0'\n---\n", "names no entities"),
        (b"---\nentities: {agents: [{id: '!'}]}\n---\n", "no name can be made"),
        (b"---\nentities: {agents: [{id: AGT_A}, {id: a}]}\n---\n", "two seats would be named a"),
        (b"---\nentities: {agents: [{id: a, x_facing: customer_facing}]}\n---\n", "agents are internal_operations"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(content: bytes, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        read_oos(content)


def test_whatever_a_file_says_the_seats_are_toml() -> None:
    hostile = 'entities: {humans: [{id: h, role: "a\\"]\\n[x]\\n\\x7f", note: "\\u0007"}]}'
    text = skeleton(read_oos(f"---\n{hostile}\n---\n".encode()), "x\n[y].md")
    assert tomllib.loads(text)["seats"]["h"]["role"] == 'a"]\n[x]\n\x7f'


def test_a_seats_file_that_is_wrong_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "seats.toml"
    with pytest.raises(ConfigError, match="cannot be read"):
        load_seats(path)
    for text, told in (("[", "not TOML"), ("a = 1", "nothing else"), ("[seats.a]\nsize = 1", "has no size")):
        path.write_text(text)
        with pytest.raises(ConfigError, match=told):
            load_seats(path)
