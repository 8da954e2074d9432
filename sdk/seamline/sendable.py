"""Which facts the sending of a text makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_jsonable_python

from seamline.events import (
    ChatSent,
    CoachingPosted,
    EmailSent,
    ExitCorrespondenceSent,
    OfferSent,
    OutreachSent,
    ProposalSent,
    ResponseSent,
    SummarySent,
)
from seamline.events.base import Event, reasons

#: What only a dispatch can know of the fact that it makes.
DISPATCHED = ("message_id", "message_ref", "approval_id")
#: The facts that a dispatch makes. It says them with a human's trust, and that human saw a text, not a fact: of any
#: other (a signed contract, an answer of the customer) no seat makes one out of an approval.
_SENDINGS = frozenset(
    event.event_type
    for event in (
        ChatSent, CoachingPosted, EmailSent, ExitCorrespondenceSent, OfferSent, OutreachSent, ProposalSent,
        ResponseSent, SummarySent,
    )
)  # fmt: skip


def unfit(event: type[Event], fields: Mapping[str, Any], under: type[Event] | None = None) -> str | None:
    """Why a dispatch could not make this fact of these fields; None: it could.

    Fields of the step that the text is ``under`` are for the guards alone: the contract that a welcome rests on.
    """
    if event.nature != "fact":
        return f"it is a {event.nature}, and a text that is sent makes a fact"
    if event.event_type not in _SENDINGS:
        return f"sending a text makes one of {', '.join(sorted(_SENDINGS))}"
    guarded = set() if under is None else set(under.model_fields) - set(event.model_fields)
    told = {name: value for name, value in to_jsonable_python(dict(fields)).items() if name not in guarded}
    told |= {name: "x" for name in DISPATCHED if name in event.model_fields}
    try:
        event.model_validate(told)
    except ValueError as error:
        return reasons(error)
    return None


__all__ = ["DISPATCHED", "unfit"]
