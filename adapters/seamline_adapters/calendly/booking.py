"""A booking: one invitee of a scheduled event, from a webhook or from the API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from seamline import Answer, Party, PayloadError, Ref
from seamline_adapters import told

API = "https://api.calendly.com"

_EVENT = re.compile(r"https://api\.calendly\.com/scheduled_events/([A-Za-z0-9_-]{1,100})")
_INVITEE = re.compile(_EVENT.pattern + r"/invitees/([A-Za-z0-9_-]{1,100})")


@dataclass(frozen=True)
class Booking:
    """``invitee`` and ``event`` are the resources as Calendly gives them; ``event`` is empty where it is not known."""

    invitee: Mapping[str, Any]
    event: Mapping[str, Any]

    @property
    def uri(self) -> str:
        """The invitee's URI, checked: parts of it go into calls. Raises PayloadError."""
        return invitee_uri(self.invitee.get("uri"))

    @property
    def event_id(self) -> str:
        uri = self.event.get("uri") or self.invitee.get("event")
        return event_of(self.uri) if uri is None else tail(event_uri(uri))

    @property
    def created_at(self) -> datetime:
        return told.moment(self.invitee.get("created_at"), "created_at")

    @property
    def starts_at(self) -> datetime | None:
        return self._time("start_time")

    @property
    def ends_at(self) -> datetime | None:
        return self._time("end_time")

    @property
    def title(self) -> str | None:
        return told.text(self.event.get("name"))

    @property
    def answers(self) -> dict[str, Any]:
        return answers(self.invitee.get("questions_and_answers"))

    @property
    def attendees(self) -> tuple[str, ...]:
        """Addresses of the invitee, their guests and the hosts, each once."""
        found = (party.email for party in (self.party(), *self.others))
        return tuple(dict.fromkeys(address for address in found if address is not None))

    @property
    def others(self) -> tuple[Party, ...]:
        """Who else comes: hosts, then guests."""
        hosts = [
            told.party(name=one.get("user_name"), address=one.get("user_email"), refs=user_refs(one.get("user")))
            for one in _objects(self.event.get("event_memberships"))
        ]
        return (*hosts, *(told.party(address=one.get("email")) for one in _objects(self.event.get("event_guests"))))

    def party(self, *earlier: str) -> Party:
        """The invitee: the customer. ``earlier`` are URIs of the same person's bookings that this one replaced."""
        who = self.invitee
        return told.party(
            name=told.text(who.get("name")) or told.full_name(who.get("first_name"), who.get("last_name")),
            address=who.get("email"),
            number=who.get("text_reminder_number"),
            refs=[invitee_ref(uri) for uri in (self.uri, *earlier)],
        )

    def _time(self, field: str) -> datetime | None:
        value = self.event.get(field)
        return None if value is None else told.moment(value, field)


def resource(answer: Answer | None) -> Mapping[str, Any] | None:
    """What an answer of the API holds; None where it was not asked or not found."""
    if answer is None or answer.status != 200:
        return None
    found = answer.json()
    held = found.get("resource") if isinstance(found, dict) else None
    if not isinstance(held, dict):
        raise PayloadError("Calendly's answer holds no resource")
    return held


def invitee_uri(value: Any) -> str:
    """The URI of an invitee. Raises PayloadError: it is called, so nothing else will do."""
    if not isinstance(value, str) or _INVITEE.fullmatch(value) is None:
        raise PayloadError("the invitee's URI is not one of Calendly's")
    return value


def event_uri(value: Any) -> str:
    """The URI of a scheduled event. Raises PayloadError: it is called, so nothing else will do."""
    if not isinstance(value, str) or _EVENT.fullmatch(value) is None:
        raise PayloadError("the scheduled event's URI is not one of Calendly's")
    return value


def event_of(invitee: str) -> str:
    """The id of the event that an invitee's URI names."""
    return invitee_uri(invitee).split("/")[-3]


def tail(uri: str) -> str:
    """The id at the end of a URI."""
    return uri.rstrip("/").rpartition("/")[2]


def invitee_ref(uri: str) -> Ref:
    return Ref(of="person", kind="invitee", id=tail(invitee_uri(uri)))


def user_refs(uri: Any) -> list[Ref]:
    known = told.text(uri)
    return [] if known is None else [Ref(of="person", kind="user", id=tail(known))]


def answers(pairs: Any) -> dict[str, Any]:
    """Questions and answers as fields; of questions with the same words each keeps its answer."""
    found: dict[str, Any] = {}
    asked: dict[str, int] = {}
    for pair in _objects(pairs):
        question = told.text(pair.get("question")) or "?"
        # Counted on for each question: to begin at 1 for each pair would take quadratic time.
        count = asked.get(question, 0) + 1
        while (name := question if count == 1 else f"{question} ({count})") in found:
            count += 1
        asked[question] = count
        found[name] = pair.get("answer")
    return found


def _objects(value: Any) -> Iterable[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
