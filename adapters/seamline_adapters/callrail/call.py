"""A call as CallRail tells it, by Post-Call, by Call Modified or in its call log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from seamline import PayloadError, Ref
from seamline.events import CallCompleted
from seamline_adapters import told

Outcome = Literal["answered", "missed", "voicemail"]

#: Longest call that is taken for one.
_MAX_SECONDS = 86_400 * 7


def completed(body: Mapping[str, Any], number: str) -> Iterator[CallCompleted]:
    """The call, if it has ended: a pre-call message has no duration, and "missed" in it means nothing yet."""
    duration = _seconds(body.get("duration"))
    if duration == 0:
        return
    yield CallCompleted(
        party=told.party(
            name=body.get("customer_name"),
            number=body.get("customer_phone_number"),
            refs=refs(body),
        ),
        occurred_at=_ended(body, duration),
        fact=f"call:{number}",
        call_id=number,
        direction=_direction(body),
        outcome=_outcome(body),
        duration=duration,
        tracking_source=told.text(body.get("formatted_tracking_source")) or told.text(body.get("source_name")),
        tracking_number=told.phone(body.get("tracking_phone_number")),
        campaign_id=told.text(body.get("utm_campaign")) or told.text(body.get("campaign")),
        first_time=body["first_call"] if isinstance(body.get("first_call"), bool) else None,
        recording_ref=_recording(body.get("recording")),
        text=told.text(body.get("transcription")),
    )


def refs(body: Mapping[str, Any]) -> tuple[Ref, ...]:
    """The person, as CallRail knows them over calls, texts and forms."""
    person = told.text(body.get("person_resource_id")) or told.text(body.get("person_id"))
    # The API's id; the older number would make another person of the same one.
    if person is None or not person.startswith("PER"):
        return ()
    return (Ref(of="person", kind="person", id=told.ident(person, "person_resource_id")),)


def _ended(body: Mapping[str, Any], duration: int) -> datetime:
    try:
        return told.moment(body["start_time"], "start_time") + timedelta(seconds=duration)
    except OverflowError:
        raise PayloadError("start_time is out of range") from None


def _seconds(value: Any) -> int:
    """A number or its text; 0 where none is told."""
    text = told.text(value)
    if text is None:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 7 or int(text) > _MAX_SECONDS:
        raise PayloadError("duration is not a number of seconds")
    return int(text)


def _direction(body: Mapping[str, Any]) -> Literal["inbound", "outbound"]:
    return "outbound" if "outbound" in (body.get("direction"), body.get("call_type")) else "inbound"


def _outcome(body: Mapping[str, Any]) -> Outcome:
    # The kinds of call_type are not all documented; these two flags are.
    if body["answered"] is True:
        return "answered"
    return "voicemail" if body.get("voicemail") is True or body.get("call_type") == "voicemail" else "missed"


def _recording(value: Any) -> str | None:
    """Where the recording is. The access key in its address would open it to whoever reads the record: it is cut."""
    text = told.text(value)
    return None if text is None else text.partition("?")[0].partition("#")[0]
