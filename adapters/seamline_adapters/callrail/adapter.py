"""CallRail: calls that ended, forms that were filled in, text messages.

Documented (apidocs.callrail.com, Webhooks): the header ``Signature``, base64 of an HMAC-SHA1 over the raw body with the
company's key; no message is ever sent again; a pre-call message says "missed" of a call that still rings; Post-Call
waits up to 20 minutes for the recording, and what comes later is told by Call Modified, the whole call once more.

No body names its event. What a body is, is told by its fields: ``form_data`` a form, ``conversation_id`` a text
message, ``call_type`` a call. The API's list of calls (Listing All Calls) fills the gaps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from seamline import (
    Adapter,
    Calls,
    Delivery,
    Event,
    HeaderToken,
    Item,
    NeedsHuman,
    PayloadError,
    Replies,
    Reply,
    Request,
    content_key,
)
from seamline.events import CallCompleted, ChatReceived, ChatSent, LeadReceived
from seamline.signature import Header, Hmac
from seamline_adapters import told
from seamline_adapters.callrail import call, form, log
from seamline_adapters.callrail.form import Holds


class CallRail(Adapter):
    """Calls, form submissions and text messages of tracked numbers.

    A call is told once, whether by Post-Call, by Call Modified or by the call log, and only when it has ended: one
    without a duration is still ringing or going on. An unknown caller is told as a caller: whether that is a lead is
    for the seats to say.
    """

    name = "callrail"
    signature = Hmac(
        Header("Signature"),
        digest="sha1",
        encoding="base64",
        no_stamp="the body's timestamp says when the call began, not when the message was sent",
    )
    emits = (CallCompleted, LeadReceived, ChatReceived, ChatSent)
    hosts = ("api.callrail.com",)
    auth = HeaderToken("Authorization")
    optional_secrets = (log.ACCESS,)
    # Seldom, because Post-Call waits for the recording: what the log tells first is told without it.
    polls: ClassVar[Mapping[str, timedelta]] = {"calls": timedelta(hours=6)}
    replies = Replies(
        ok=Reply(200),
        foreign=Reply(200),
        attempts="none: what is not answered with 2xx is lost, and repeated failures can disable the webhook "
        "(apidocs.callrail.com, Webhooks)",
    )

    class Settings(BaseModel):
        """``companies``: the only CallRail companies that are ours, by any of their ids; empty: all.

        ``form_fields`` maps further names of a form's fields to what they hold. ``account`` is the account whose call
        log is read.
        """

        model_config = ConfigDict(extra="forbid")

        companies: tuple[str, ...] = ()
        form_fields: dict[str, Holds] = Field(default_factory=dict)
        account: Annotated[str, Field(pattern="^[A-Za-z0-9]{1,64}$")] | None = None

    def refuse(self, request: Request) -> str | None:
        return None if self._is_ours(request.json()) else "the CallRail company is not in the settings"

    def split(self, delivery: Delivery) -> Iterator[Item]:
        """One item a body, and one a call of the log. Other companies' calls in the log are passed over."""
        body = delivery.json()
        if delivery.poll is None:
            yield _item(body, _kind(body))
            return
        for one in log.calls(body):
            if self._is_ours(one):
                yield _item(one, "call")

    def poll(self, poll: str, scope: str, cursor: str | None) -> Calls[str]:
        """Read the call log. The cursor is when the newest known call began."""
        if poll != "calls":
            raise PayloadError("CallRail has one poll, 'calls'")
        if self.settings.account is None:
            raise NeedsHuman("to read the call log, name the CallRail account in the source's settings: account")
        return (yield from log.read(self.settings.account, cursor))

    def normalize(self, item: Item) -> Iterator[Event]:
        body = item.data
        if not isinstance(body, dict):
            raise PayloadError("the body is not an object")
        match item.kind:
            case "call":
                yield from call.completed(body, _known(body))
            case "form":
                yield form.lead(body, _known(body), self.settings.form_fields)
            case "text":
                yield _text_message(body)

    def _is_ours(self, body: Any) -> bool:
        ours = self.settings.companies
        named = {told.text(told.at(body, name)) for name in ("company_id", "company_resource_id")} - {None}
        return not ours or not named or not named.isdisjoint(ours)


def _item(body: Any, kind: str) -> Item:
    number = _id(body)
    # A call is told several times, and each time differently: by its fact, not by its item, it is one call.
    known = number is not None and kind in ("form", "text")
    return Item(f"{kind}:{number}" if known else f"{kind}:{content_key(body)}", body, kind)


def _kind(body: Any) -> str:
    if isinstance(body, dict):
        for field, kind in (("form_data", "form"), ("conversation_id", "text"), ("call_type", "call")):
            if field in body:
                return kind
    return "other"


def _id(body: Any) -> str | None:
    """The id that the API knows too (``CAL…``), else the older number."""
    return told.text(told.at(body, "resource_id")) or told.text(told.at(body, "id"))


def _known(body: Mapping[str, Any]) -> str:
    return told.ident(_id(body), "the id")


def _text_message(body: Mapping[str, Any]) -> ChatReceived | ChatSent:
    # Only a message that was sent names an agent.
    sent = "agent" in body
    customer = told.text(body["destination_number" if sent else "source_number"])
    about: dict[str, Any] = {
        "party": told.party(number=customer, refs=call.refs(body)),
        "occurred_at": told.moment(body["timestamp"], "timestamp"),
        "message_id": _known(body),
        "thread_id": told.text(body.get("conversation_id")),
        "channel": "sms",
        "text": told.text(body.get("content")),
    }
    if sent:
        return ChatSent(**about, recipients=() if customer is None else (customer,))
    return ChatReceived(**about, sender=customer)
