"""A lead of Meta's as the Graph API gives it: what its person wrote, and who that is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from seamline import Item, Party, PayloadError, Ref, Sent
from seamline_adapters import told

#: What is asked of a lead (the fields of the Lead object in Meta's own SDK).
FIELDS = (
    "created_time,id,ad_id,ad_name,adset_id,adset_name,campaign_id,campaign_name,form_id,is_organic,platform,"
    "field_data,custom_disclaimer_responses"
)

#: The names that Meta gives to its prefilled questions, by what they tell.
_NAME = ("full_name",)
_EMAIL = ("email", "work_email")
_PHONE = ("phone_number", "work_phone_number")
_COMPANY = ("company_name",)

_PLATFORMS = {"fb": "facebook", "ig": "instagram"}


def fetched(item: Item) -> dict[str, Any]:
    """The lead as it was read, or nothing where it could not be."""
    answer = item.answers.get("lead")
    body = None if answer is None or answer.status != 200 else answer.json()
    return body if isinstance(body, dict) else {}


def ident(value: Any, field: str) -> str:
    """An id of Meta's: digits. It goes into a URL, so nothing else will do. Raises PayloadError."""
    found = told.ident(value, field)
    if not (found.isascii() and found.isdigit() and len(found) <= 32):
        raise PayloadError(f"{field} is not an id of Meta's")
    return found


def created(lead: Mapping[str, Any]) -> datetime | None:
    when = lead.get("created_time")
    return None if when is None else told.moment(when, "created_time")


def answers(lead: Mapping[str, Any]) -> dict[str, list[str]]:
    """What the person wrote, by question."""
    wrote: dict[str, list[str]] = {}
    for one in told.listed(lead.get("field_data", []), "field_data"):
        texts = [text for value in told.listed(one["values"], "values") if (text := told.text(value)) is not None]
        wrote.setdefault(told.ident(one["name"], "a question's name"), []).extend(texts)
    return wrote


def fields(wrote: Mapping[str, list[str]], lead: Mapping[str, Any]) -> dict[str, Any]:
    """The answers for an event: one text, or a list of them, a question; and which boxes were ticked."""
    found: dict[str, Any] = {name: texts[0] if len(texts) == 1 else texts for name, texts in wrote.items()}
    if lead.get("custom_disclaimer_responses"):
        found["custom_disclaimer_responses"] = lead["custom_disclaimer_responses"]
    return found


def platform(lead: Mapping[str, Any]) -> str:
    return _PLATFORMS.get(told.text(lead.get("platform")) or "", "meta")


def party(wrote: Mapping[str, list[str]], lead: str, page: str) -> Party:
    """Who wrote, known at least by the lead."""

    def first(names: Iterable[str]) -> str | None:
        return next((wrote[name][0] for name in names if wrote.get(name)), None)

    return told.party(
        name=first(_NAME) or told.full_name(first(["first_name"]), first(["last_name"])),
        address=next((email for name in _EMAIL for text in wrote.get(name, []) if (email := told.email(text))), None),
        number=next((phone for name in _PHONE for text in wrote.get(name, []) if (phone := told.phone(text))), None),
        company=first(_COMPANY),
        refs=[Ref(of="person", kind="lead", id=lead, realm=page)],
    )


def notified(lead: Mapping[str, Any], page: str) -> Sent:
    """A lead of a list as the notification that should have come."""
    key, when = ident(lead.get("id"), "the lead"), told.moment(lead.get("created_time"), "created_time")
    ids = {name: lead[name] for name in ("ad_id", "form_id") if name in lead}
    value = {"leadgen_id": key, "page_id": page, "created_time": int(when.timestamp()), **ids}
    change = {"field": "leadgen", "value": value}
    entry = {"id": page, "time": value["created_time"], "changes": [change]}
    return Sent(key, when, json.dumps({"object": "page", "entry": [entry]}).encode())
