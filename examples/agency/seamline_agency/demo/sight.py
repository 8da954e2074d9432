"""What a step changed, in words: two views of an account, one from before it and one from after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from seamline_agency.demo.api import View, plain
from seamline_agency.demo.books import Sent

#: What the engine says of its own bookkeeping; the table tells it by other words or not at all.
_ASIDE = ("deadline.", "message.", "approval.requested", "draft.dispatched", "identity.linked")


def became(before: View, seen: View) -> list[str]:
    """New events of sources, people and the engine, and deliveries that became none."""
    lines = []
    for event in _new(before.events, seen.events):
        if event["source"].startswith("/seats/"):
            continue
        kind = plain(event["type"])
        if not kind.startswith(_ASIDE):
            lines.append(_told(kind, event))
    for key, delivery in seen.deliveries.items():
        known = before.deliveries.get(key)
        if known is None and delivery["state"] in ("quarantined", "ignored"):
            lines.append(f"{delivery['state']}: {delivery['reason']}")
        again = delivery["duplicates"] - (known or {"duplicates": 0})["duplicates"]
        if again:
            lines.append(f"duplicate, counted{f' {again} times' if again > 1 else ''}")
    return lines


def _told(kind: str, event: dict[str, Any]) -> str:
    data = event["data"]
    if kind == "stage.changed":
        return f"stage: {data['from_stage']} -> {data['to_stage']}"
    if kind == "guard.refused":
        return f"refused ({data['rule']}, {data['code']}): {data['reason']}"
    if kind == "approval.decided":
        edited = " (edited)" if data.get("edited") else ""
        return f"{data['by']}: {data['decision']}{edited}"
    by = event["source"].rpartition("/")[2]
    return f"{kind}, by {by}" if event["source"].startswith("/people/") else kind


def done(before: View, seen: View) -> list[str]:
    """What the seats did: by handoff, and what a time that came made them say."""
    lines: list[str] = []
    heard: dict[str, list[str]] = {}
    told: set[str] = set()
    for key, handoff in sorted(seen.handoffs.items(), key=lambda item: int(item[0].split(".")[0])):
        known = before.handoffs.get(key)
        told |= {effect["id"] for effect in handoff["effects"] if effect["kind"] == "event"}
        if handoff == known:
            continue
        if known is not None and (known["state"], known["effects"]) == ("done", handoff["effects"]):
            lines.append(f"{handoff['seat']} on {handoff['type']}: again, and nothing new")
        elif handoff["state"] == "done":
            did = [text for effect in handoff["effects"] if (text := _effect(effect, seen))]
            if did:
                lines.append(f"{handoff['seat']} on {handoff['type']}: {', '.join(did)}")
            else:
                heard.setdefault(handoff["type"], []).append(handoff["seat"])
        else:
            lines.append(f"{handoff['seat']} on {handoff['type']}: {handoff['state']}, {handoff['reason']}")
    for event in _new(before.events, seen.events):
        if event["source"].startswith("/seats/") and event["id"] not in told:
            lines.append(f"{event['source'].rpartition('/')[2]}: {plain(event['type'])}")
    lines += [f"{', '.join(dict.fromkeys(seats))} on {kind}: noted" for kind, seats in heard.items()]
    return [*lines, *_moved(before, seen)]


def _effect(effect: dict[str, str], seen: View) -> str:
    kind, key = effect["kind"], effect["id"]
    if kind == "event" and key in seen.events:
        return plain(seen.events[key]["type"])
    if kind == "flag" and key in seen.flags:
        flag = seen.flags[key]
        return f"flag {flag['name']} ({flag['count']})"
    if kind == "task" and key in seen.tasks:
        return f"task for {seen.tasks[key]['assignee'] or seen.tasks[key]['seat']}"
    if kind == "draft" and key in seen.drafts:
        return f"draft to {', '.join(seen.drafts[key]['recipients']) or 'nobody yet'}"
    if kind == "message" and key in seen.messages:
        message = seen.messages[key]
        return f"{message['kind']} to {message['to_seat']}: {message['topic']}"
    return "" if kind in ("log", "deadline") else kind


def _moved(before: View, seen: View) -> Iterator[str]:
    """Drafts and flags that stand otherwise than before."""
    for key, draft in seen.drafts.items():
        known = before.drafts.get(key)
        if known is not None and known["state"] != draft["state"]:
            yield f"draft of {draft['seat']}: {draft['state']}"
    for key, flag in seen.flags.items():
        known = before.flags.get(key)
        if known is not None and known["state"] != flag["state"]:
            yield f"flag {flag['name']}: {flag['state']}"


def saw(mails: Sequence[Sent]) -> list[str]:
    """What reached the customer."""
    return [f"a mail from {_name(mail.by)}: {mail.subject}" for mail in mails]


def _name(sender: str) -> str:
    return sender.partition(" <")[0].strip('"')


def _new(before: dict[str, dict[str, Any]], seen: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (row for key, row in seen.items() if key not in before)
