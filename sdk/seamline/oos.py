"""Charts in OOS files (markdown with YAML in front, as the Organization Transport Protocol has them).

What is read becomes seats for a human to complete: nobody is customer-facing because a file from elsewhere says nothing
about it. What we write names the side of each seat and its gates, and claims what the boundary map says.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from seamline.errors import ConfigError
from seamline.mapping import BoundaryMap, ChartRow

#: Largest file that is read, in bytes, and most seats in it.
LARGEST, MOST_SEATS = 1024 * 1024, 1000
#: Fields by which a person could be reached.
CONTACTS = ("contact_email", "contact_phone", "slack_id")
Side = Literal["customer_facing", "internal_operations", "unclassified"]
SIDES: tuple[Side, ...] = ("customer_facing", "internal_operations")
FRONT = re.compile(r"\A---\r?\n(?P<yaml>.*?)\r?\n---[ \t]*(\r?\n|\Z)(?P<body>.*)\Z", re.S)
_GLOB = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_*]+)+")
_OURS = (
    "id",
    "external_id",
    "name",
    "role",
    "mission",
    "owns",
    "does_not_own",
    "reports_to",
    "escalates_to",
    "x_facing",
)


@dataclass(frozen=True)
class ChartedSeat:
    """A seat as a file tells of it. ``accountabilities`` are its words; ``owns`` are event types among them."""

    name: str
    kind: Literal["agent", "human"]
    facing: Side
    role: str = ""
    owns: tuple[str, ...] = ()
    does_not_own: tuple[str, ...] = ()
    accountabilities: tuple[str, ...] = ()
    not_accountable: tuple[str, ...] = ()
    reports_to: str | None = None
    escalates_to: str | None = None
    assignee: str | None = None
    external_id: str | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Charted:
    """A file's chart: its seats, and what else stands in front and below."""

    seats: tuple[ChartedSeat, ...]
    kept: Mapping[str, Any]
    body: str


def read_oos(content: bytes, *, keep_contacts: bool = False) -> Charted:
    """Read a file. Raises ConfigError, which says what is wrong with it."""
    if len(content) > LARGEST:
        raise ConfigError(f"the file has more than {LARGEST // 1024} KiB; a chart is smaller")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("the file is not UTF-8") from None
    found = FRONT.match(text)
    if found is None:
        raise ConfigError("the file does not begin with YAML between two lines of ---")
    front = _yaml(found["yaml"])
    entities = front.pop("entities", None)
    if not isinstance(entities, dict):
        raise ConfigError("the file names no entities; write entities: {agents: […], humans: […]}")
    told = [*_told(entities.pop("agents", None), "agent"), *_told(entities.pop("humans", None), "human")]
    if len(told) > MOST_SEATS:
        raise ConfigError(f"the file has more than {MOST_SEATS} seats")
    names = _names(told)
    seats = tuple(
        _seat(kind, given, names, keep_contacts=keep_contacts, name=name)
        for (kind, given), name in zip(told, _own(told), strict=True)
    )
    kept = front | ({"entities": entities} if entities else {})
    return Charted(seats, kept, found["body"])


def _yaml(text: str) -> dict[str, Any]:
    """The YAML as plain data. An alias could make a very large thing of a small file."""
    try:
        import yaml
    except ImportError:
        raise ConfigError("reading OOS files needs PyYAML; install it with: pip install 'seamline[oos]'") from None

    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise ConfigError("the YAML of the file has aliases (*name), which are not read; write each value out")
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" in line {mark.line + 2}"
        raise ConfigError(f"the YAML of the file cannot be read{where}: {type(error).__name__}") from None
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise ConfigError("the YAML of the file is no table")
    return found


def _told(given: object, kind: Literal["agent", "human"]) -> Iterator[tuple[Literal["agent", "human"], dict[str, Any]]]:
    if given is None:
        return
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise ConfigError(f"entities.{kind}s is a list of tables")
    for one in given:
        yield kind, {str(name): value for name, value in one.items()}


def _own(told: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """A name for each seat, as seats are named here."""
    names: list[str] = []
    for _, given in told:
        raw = str(given.get("external_id") or given.get("id") or given.get("name") or "")
        name = re.sub(r"[^a-z0-9]+", "_", re.sub(r"^(AGT|HUM)_", "", raw).lower()).strip("_")[:32]
        if not name.isidentifier():
            raise ConfigError(f"a seat has the id {raw[:64]!r}, of which no name can be made; write letters and digits")
        names.append(name)
    twice = [name for name, many in Counter(names).items() if many > 1]
    if twice:
        raise ConfigError(f"two seats would be named {twice[0]}; give them ids that differ")
    return names


def _names(told: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, str]:
    """The seat's name for whatever a file may call it by."""
    found: dict[str, str] = {}
    for (_, given), name in zip(told, _own(told), strict=True):
        for word in (given.get("id"), given.get("external_id"), given.get("name"), name):
            if word is not None:
                found[str(word)] = name
    return found


def _seat(
    kind: Literal["agent", "human"],
    given: Mapping[str, Any],
    names: Mapping[str, str],
    *,
    keep_contacts: bool,
    name: str,
) -> ChartedSeat:
    owns, duties = _split(given.get("owns"))
    disowned, not_duties = _split(given.get("does_not_own"))
    facing: Side = "internal_operations" if kind == "agent" else "unclassified"
    for side in SIDES:
        if given.get("x_facing") == side:
            facing = side
    if kind == "agent" and facing == "customer_facing":
        raise ConfigError(f"seat {name} is an agent: agents are internal_operations; a human seat faces the customer")
    email = given.get("contact_email")
    return ChartedSeat(
        name=name,
        kind=kind,
        facing=facing,
        role=str(given.get("role") or given.get("mission") or ""),
        owns=owns,
        does_not_own=disowned,
        accountabilities=duties,
        not_accountable=not_duties,
        reports_to=_other(given.get("reports_to"), names),
        escalates_to=_other(given.get("escalates_to"), names),
        assignee=str(email) if keep_contacts and email else None,
        external_id=None if given.get("id") is None else str(given["id"]),
        kept={
            key: value for key, value in given.items() if key not in _OURS and (keep_contacts or key not in CONTACTS)
        },
    )


def _split(given: object) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Event types and globs, and what is said in words."""
    words = [given] if isinstance(given, str) else list(given) if isinstance(given, list) else []
    texts = [str(word) for word in words]
    return tuple(t for t in texts if _GLOB.fullmatch(t)), tuple(t for t in texts if not _GLOB.fullmatch(t))


def _other(given: object, names: Mapping[str, str]) -> str | None:
    if isinstance(given, list):
        given = given[0] if given else None
    return None if given is None else names.get(str(given))


# --- writing ---------------------------------------------------------------------------------------------------------


def write_oos(told: BoundaryMap, *, slug: str, generated_at: str) -> str:
    """A map as an OOS file: the chart in front, and below what the map claims."""
    import yaml

    claims = list(_claims(told))
    body = "\n".join(_claim(number, *claim) for number, claim in enumerate(claims, 1))
    agents = [_agent(row, told) for row in told.seats if row.kind == "agent"]
    humans = [_human(row, told) for row in told.seats if row.kind == "human"]
    front = {
        "oos_version": "1.0",
        "org_pseudonym": slug,
        "template": "agent_army",
        "agent_count": len(agents),
        "generated_at": generated_at,
        "claim_count": len(claims),
        "word_count": len(body.split()),
        "confidence_distribution": {"HIGH": len(claims)},
        "evidence_distribution": {"HUMAN_DEFINED_RULE": len(claims)},
        "x_boundary_map": told.version,
        "entities": {"agents": agents, "humans": humans},
    }
    dumped = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=120)
    return f"---\n{dumped}---\n\n# How {slug} runs\n\n{body}"


def _shared(row: ChartRow, prefix: str) -> dict[str, Any]:
    return {
        "id": f"{prefix}_{row.id.upper()}",
        "name": row.id,
        "role": row.role,
        "status": "active",
        "owns": list(row.owns),
        "does_not_own": list(row.does_not_own),
        "reports_to": row.reports_to,
        "escalates_to": row.escalates_to,
        "x_facing": row.facing,
    }


def _agent(row: ChartRow, told: BoundaryMap) -> dict[str, Any]:

    gates = [gate.id for gate in told.gates if fnmatchcase(row.id, gate.seat)]
    return _shared(row, "AGT") | {
        "authority_level": "execute-with-approval" if gates else "recommend",
        "x_gates": gates,
    }


def _human(row: ChartRow, told: BoundaryMap) -> dict[str, Any]:
    opens = [gate.id for gate in told.gates if row.id in gate.approvers]
    heard = [seat.id for seat in told.seats if seat.escalates_to == row.id]
    return _shared(row, "HUM") | {"approves": opens, "receives_escalations_from": heard, "x_gates": [*opens]}


def _claims(told: BoundaryMap) -> Iterator[tuple[str, str, str, str, str]]:
    """Section, rule, why, what goes wrong without it, and what it is about: of each row that a human set."""
    for gate in told.gates:
        what = f"{gate.seat} on {gate.channel} to {gate.audience}, stage {gate.stage}"
        yield (
            "human_ai_boundary_conditions",
            f"A draft leaves by {gate.id} only when {', '.join(gate.approvers)} approved exactly that text",
            "agents do not speak to customers",
            "the customer gets what nobody has read",
            what,
        )
    for priority in told.seams.priorities:
        yield (
            "coordination_patterns",
            f"{priority.winner} wins: {', '.join(priority.events)} are held while a risk is open",
            "a customer at risk is not sold to",
            "two messages that contradict each other",
            priority.rule,
        )
    for guard in told.seams.guards:
        yield (
            "core_operating_rules",
            f"{', '.join(guard.events)} does not happen before {', '.join(guard.needs) or 'what the rule asks for'}",
            guard.reason or "the rule says so",
            "it happens too early, and quietly",
            guard.rule,
        )


def _claim(number: int, section: str, rule: str, why: str, failure: str, scope: str) -> str:
    return (
        f"**[C{number:03}]** {section}\n\n- Rule: {rule}\n- Why: {why}\n- Failure mode: {failure}\n"
        f"- Confidence: HIGH\n- Evidence: HUMAN_DEFINED_RULE\n- Scope: {scope}\n"
    )


# --- seats for a human to complete ------------------------------------------------------------------------------------


def skeleton(charted: Charted, origin: str) -> str:
    """The seats as TOML, for a human to complete; ``seamline.seatfile`` reads it."""
    lines = [
        f"# Seats as {_comment(origin)} tells of them. Complete them, and give them to the roster:",
        '#     roster = Roster([*ours, *load_seats("seats.toml")])        (from seamline.seatfile)',
        "# `facing` is customer_facing or internal_operations; agents are always internal_operations.",
        "# `owns` and `does_not_own` are event types; what the file says in words stands under accountabilities.",
    ]
    for seat in charted.seats:
        lines += ["", f"[seats.{seat.name}]", *_lines(seat)]
    return "\n".join(lines) + "\n"


def _lines(seat: ChartedSeat) -> Iterator[str]:
    for name in ("kind", "facing", "role", "reports_to", "escalates_to", "assignee", "external_id"):
        value = getattr(seat, name)
        if value:
            yield f"{name} = {_text(value)}"
    for name in ("owns", "does_not_own", "accountabilities", "not_accountable"):
        value = getattr(seat, name)
        if value or name in ("owns", "does_not_own"):
            yield f"{name} = [{', '.join(_text(one) for one in value)}]"
    if seat.kept:
        yield f"kept = {_text(json.dumps(seat.kept, ensure_ascii=False, sort_keys=True, default=str))}"


def _text(value: str) -> str:
    """A basic string of TOML: JSON's, but that DEL is escaped too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(value: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in value)


__all__ = ["Charted", "ChartedSeat", "read_oos", "skeleton", "write_oos"]
