"""The packet: what a human should know of an account before deciding about a text, each thing with source and time.

Each section is there or named as missing: what the agent did not have, the human sees that it was not there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, text

from seamline_workers.store.desk_schema import LOG
from seamline_workers.store.reading import moment
from seamline_workers.store.reading.handoffs import log_id
from seamline_workers.store.reading.masking import MASK
from seamline_workers.store.reading.shapes import Packet, PacketItem

#: Most items of a section, the newest.
MOST = 30

_MEMBERS = "(SELECT id FROM accounts WHERE id = :group OR group_id = :group)"
#: Sections made of events, by what their types begin with or are; and what each is called where it is missing.
_SECTIONS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "thread": (("email.received", "email.sent", "chat.received", "chat.sent", "response.sent"), "no messages"),
    "notes": (("call.noted", "project.noted"), "no call notes"),
    "calls": (("call.completed",), "no calls"),
    "deal": (("proposal.", "deal.", "contract."), "no deal"),
    "project": (("project.", "kickoff."), "no project"),
}
_EVENTS = text(f"""
SELECT seq, id, type, source, data, occurred_at FROM events
WHERE account_id IN {_MEMBERS} AND (type IN :exact OR type LIKE :glob0 OR type LIKE :glob1 OR type LIKE :glob2)
ORDER BY occurred_at DESC, seq DESC LIMIT :most
""").bindparams(bindparam("exact", expanding=True))
_LOGS = text(f"""
SELECT f.event_seq, f.seat, f.key, f.data, f.at FROM effects f JOIN events e ON e.seq = f.event_seq
WHERE e.account_id IN {_MEMBERS} AND f.kind = {LOG} ORDER BY f.event_seq DESC LIMIT :most
""")
_MESSAGES = text(f"""
SELECT id, kind, from_seat, to_seat, topic, body, created_at FROM messages WHERE account_id IN {_MEMBERS}
ORDER BY id DESC LIMIT :most
""")
_GRADES = text(f"""
SELECT data FROM events WHERE account_id IN {_MEMBERS} AND type = 'metrics.trust_assessed' ORDER BY seq DESC LIMIT 500
""")


def packet(connection: Connection, draft: Row[Any], group: int, *, unmasked: bool) -> Packet:
    """The packet of a draft; ``group`` stands for all linked accounts."""
    head = connection.execute(text("SELECT seq FROM ledger_head WHERE id = 1")).scalar_one()
    told: dict[str, list[PacketItem]] = {
        name: _events(connection, draft, group, types, unmasked) for name, (types, _) in _SECTIONS.items()
    }
    told["project"] = _newest(told["project"] + _logs(connection, draft, group, unmasked))
    told["figures"] = _figures(connection, draft, group)
    told["messages"] = _messages(connection, draft, group, unmasked)
    missing = [says for name, (_, says) in _SECTIONS.items() if not told[name]]
    missing += [
        says for name, says in (("figures", "no figures"), ("messages", "no messages of seats")) if not told[name]
    ]
    return {**told, "missing": missing, "read_to": str(head)}  # type: ignore[typeddict-item]


def _events(
    connection: Connection, draft: Row[Any], group: int, types: Sequence[str], unmasked: bool
) -> list[PacketItem]:
    globs = [f"{name}%" for name in types if name.endswith(".")]
    exact = [name for name in types if not name.endswith(".")]
    binds: dict[str, Any] = {"group": group, "most": MOST, "exact": exact or [""]}
    binds |= {f"glob{n}": globs[n] if n < len(globs) else "" for n in range(3)}
    rows = connection.execute(_EVENTS, binds).all()
    return [_item(row, draft, _line(row.type, json.loads(row.data)), unmasked) for row in rows]


def _item(row: Row[Any], draft: Row[Any], line: str, unmasked: bool) -> PacketItem:
    return {
        "id": str(UUID(bytes=bytes(row.id))),
        "at": moment.written(row.occurred_at),
        "text": line if unmasked else f"{row.type}: {MASK}",
        "source": row.source,
        "new": row.seq > draft.as_of,
    }


def _newest(items: list[PacketItem]) -> list[PacketItem]:
    return sorted(items, key=lambda item: item["at"], reverse=True)[:MOST]


def _line(type: str, data: Mapping[str, Any]) -> str:
    """An event in words: who, what about, what was written, then whatever else it says."""
    told = dict(data)
    head = [str(told.pop(name)) for name in ("sender", "subject") if told.get(name)]
    body = told.pop("text", None)
    rest = ", ".join(f"{name} {_short(value)}" for name, value in told.items() if name not in ("party", "others"))
    parts = [type, *head, *([body] if body else []), *([rest] if rest else [])]
    return ": ".join(parts[:1]) + ("" if len(parts) == 1 else ": " + " · ".join(parts[1:]))


def _short(value: Any) -> str:
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return said if len(said) <= 300 else f"{said[:300]}…"


def _logs(connection: Connection, draft: Row[Any], group: int, unmasked: bool) -> list[PacketItem]:
    return [
        {
            "id": log_id(row.event_seq, row.seat, row.key),
            "at": moment.written(row.at),
            "text": f"{row.seat}: {row.data if unmasked else MASK}",
            "source": f"/seats/{row.seat}",
            "new": row.event_seq > draft.as_of,
        }
        for row in connection.execute(_LOGS, {"group": group, "most": MOST})
    ]


def _messages(connection: Connection, draft: Row[Any], group: int, unmasked: bool) -> list[PacketItem]:
    """What seats told each other about the account."""
    return [
        {
            "id": str(row.id),
            "at": moment.written(row.created_at),
            "text": f"{row.kind} to {row.to_seat}, {row.topic}: {row.body if unmasked else MASK}",
            "source": f"/seats/{row.from_seat}",
            "new": row.created_at > draft.created_at,
        }
        for row in connection.execute(_MESSAGES, {"group": group, "most": MOST})
    ]


def _figures(connection: Connection, draft: Row[Any], group: int) -> list[PacketItem]:
    """The newest snapshot of each platform and period, with its last grade."""
    grades: dict[str, str] = {}
    for (data,) in connection.execute(_GRADES, {"group": group}):
        judged = json.loads(data)
        grades.setdefault(str(judged.get("snapshot_id")), str(judged.get("grade")))
    binds: dict[str, Any] = {"group": group, "most": MOST * 4, "exact": ["metrics.snapshot"]}
    seen, items = set[str](), list[PacketItem]()
    for row in connection.execute(_EVENTS, binds | {"glob0": "", "glob1": "", "glob2": ""}):
        data = json.loads(row.data)
        key = json.dumps([data.get("platform"), data.get("period"), data.get("campaign_id")])
        if key not in seen:
            seen.add(key)
            grade = grades.get(str(UUID(bytes=bytes(row.id))), "not assessed")
            items.append(_item(row, draft, f"{grade}: {_line(row.type, data)}", unmasked=True))
    return items[:MOST]
