"""Calendly: meetings booked, moved, called off and missed, and the leads of routing forms.

Documented (developer.calendly.com/api-docs/overview/webhooks/…): the signature ``t=…,v1=…`` over ``t.body``
(webhook-signatures); 3xx, 4xx and 5xx retried for 24 hours, then the hook is disabled (webhook-errors); 15 s to answer
(webhook-timeouts). Rescheduling is two deliveries, ``invitee.canceled`` with ``rescheduled`` and ``invitee.created``
with ``old_invitee`` (docs/api-guides/see-how-webhook-payloads-change-when-invitees-reschedule-events).

Not documented: how old a stamp may be (receivers use three minutes) and whether a retry has a new one; hence the
setting ``max_age_seconds``. Nor the payload of no-shows: both an invitee with ``no_show`` and a bare no-show that
names its invitee are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from seamline import Adapter, Call, Calls, Delivery, Event, Item, Nudge, PayloadError, Replies, Subscription
from seamline.events import (
    KickoffBooked,
    KickoffCancelled,
    LeadReceived,
    MeetingBooked,
    MeetingCancelled,
    MeetingNoShow,
    MeetingNoShowReversed,
    MeetingRescheduled,
)
from seamline.signature import Hmac, Pair, Signature, body
from seamline_adapters import told
from seamline_adapters.calendly import hook
from seamline_adapters.calendly.booking import (
    API,
    Booking,
    answers,
    event_of,
    event_uri,
    invitee_uri,
    resource,
    tail,
)
from seamline_adapters.calendly.form import submitter

_HEADER = "Calendly-Webhook-Signature"
_STAMP = Pair(_HEADER, "t")

#: What a purpose makes of a meeting beside ``meeting.*``; other purposes are only written into the event.
KICKOFF = "kickoff"
INQUIRY = "inquiry"

CalendlyUri = Annotated[str, Field(pattern=rf"^{API}/[a-z_]+/[A-Za-z0-9_-]+$")]


class Calendly(Adapter):
    """Bookings by invitees (the customer's side; hosts and guests are ``others``).

    A reschedule is told by both of its halves as one ``meeting.rescheduled``: the new half knows everything, the old
    half reads the new booking over the API. Without the secret ``api`` only the new half tells it. A cancellation that
    is half of a reschedule is never ``meeting.cancelled``.
    """

    name = "calendly"
    signature = Hmac(
        Pair(_HEADER, "v1"),
        (_STAMP, b".", body),
        stamp=_STAMP,
        max_age=timedelta(minutes=3),
        max_future=timedelta(minutes=3),
    )
    emits = (
        MeetingBooked,
        MeetingRescheduled,
        MeetingCancelled,
        MeetingNoShow,
        MeetingNoShowReversed,
        KickoffBooked,
        KickoffCancelled,
        LeadReceived,
    )
    hosts = ("api.calendly.com",)
    optional_secrets = (hook.ACCESS,)
    replies = Replies(
        retried=range(300, 600),
        within=timedelta(seconds=15),
        attempts="exponential back-off for 24 hours, or until 24 hours after the booked event; then the hook is "
        "disabled (developer.calendly.com, Webhook Errors)",
    )

    class Settings(BaseModel):
        """``purposes`` maps event types, by name or URI, to a purpose; ``kickoff`` and ``inquiry`` have a meaning.

        The rest is about the subscription: ``key`` is ``ours`` (a personal access token: our signing secret is handed
        over) or ``app`` (an OAuth app has its own).
        """

        model_config = ConfigDict(extra="forbid")

        max_age_seconds: Annotated[int, Field(ge=30, le=86_400)] = 180
        purposes: dict[str, str] = Field(default_factory=dict)
        scope: Literal["organization", "user", "group"] = "organization"
        organization: CalendlyUri | None = None
        user: CalendlyUri | None = None
        group: CalendlyUri | None = None
        key: Literal["ours", "app"] = "ours"

    def __init__(self, settings: BaseModel | Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self._scheme = replace(self.signature, max_age=timedelta(seconds=self.settings.max_age_seconds))
        self._purposes: dict[str, str] = {name.casefold(): purpose for name, purpose in self.settings.purposes.items()}

    @property
    def scheme(self) -> Signature:
        return self._scheme

    def split(self, delivery: Delivery) -> Iterator[Item | Nudge]:
        """One item; Calendly sends no id, so it is known by what happened, to whom, and when."""
        data = delivery.json()
        kind, payload = told.ident(data["event"], "event"), told.mapping(data["payload"], "payload")
        whom, when = told.text(payload.get("uri")), told.text(data.get("created_at"))
        yield Item(f"{kind}:{whom}:{when}" if whom and when else delivery.key, data, kind)

    def fetch(self, item: Item) -> Calls[None]:
        """Ask for what a payload lacks: the new booking of an old half, the event of old payloads, a bare no-show's."""
        payload = _payload(item)
        match item.kind:
            case "invitee.canceled" if payload.get("rescheduled"):
                if payload.get("new_invitee") is not None:
                    yield from _booking(item, payload["new_invitee"])
            case "invitee.created" | "invitee.canceled" | "invitee_no_show.created" | "invitee_no_show.deleted":
                if _bare_no_show(payload):
                    yield from _booking(item, payload["invitee"])
                elif not isinstance(payload.get("scheduled_event"), dict):
                    yield from _ask(item, "event", event_uri(payload["event"]))

    def normalize(self, item: Item) -> Iterator[Event]:
        if item.kind not in hook.ORGANIZATION:
            return
        payload, when = _payload(item), told.moment(item.data["created_at"], "created_at")
        match item.kind:
            case "invitee.created" if payload.get("old_invitee") is not None:
                yield from self._moved(_booking_of(item), payload["old_invitee"])
            case "invitee.created":
                yield from self._booked(_booking_of(item))
            case "invitee.canceled" if payload.get("rescheduled"):
                new = _fetched(item)
                if new is not None:
                    yield from self._moved(new, payload["uri"])
            case "invitee.canceled":
                yield from self._cancelled(_booking_of(item), when)
            case "invitee_no_show.created":
                yield from self._no_show(MeetingNoShow, item, _no_show_at(payload) or when)
            case "invitee_no_show.deleted":
                yield from self._no_show(MeetingNoShowReversed, item, when)
            case "routing_form_submission.created":
                yield _submitted(payload)

    def subscribe(self, url: str, held: Subscription | None) -> Calls[Subscription]:
        """Make the hook, or see that it is alive: Calendly disables it after 24 hours of failures."""
        chosen = self.settings
        owner = {name: uri for name in ("organization", "user", "group") if (uri := getattr(chosen, name))}
        events = hook.ORGANIZATION if chosen.scope == "organization" else hook.EVERYWHERE
        return (yield from hook.keep(url, held, chosen.scope, owner, events, chosen.key == "ours"))

    def _purpose(self, booking: Booking) -> str | None:
        """The purpose that the settings give to the type of the event: by its URI, else by its name."""
        for known in (booking.event.get("event_type"), booking.title):
            if isinstance(known, str) and known.casefold() in self._purposes:
                return self._purposes[known.casefold()]
        return None

    def _booked(self, booking: Booking) -> Iterator[Event]:
        about = {"party": booking.party(), "others": booking.others, "occurred_at": booking.created_at}
        when = {"calendar_event_id": booking.event_id, "starts_at": _known(booking.starts_at)}
        purpose, fact = self._purpose(booking), f"booked:{booking.uri}"
        yield MeetingBooked(
            **about,
            **when,
            fact=fact,
            ends_at=booking.ends_at,
            booked_at=booking.created_at,
            attendees=booking.attendees,
            title=booking.title,
            purpose=purpose,
            answers=booking.answers,
        )
        if purpose == KICKOFF:
            yield KickoffBooked(**about, **when, fact=fact, booked_at=booking.created_at)
        # Who came through a routing form was told as a lead by that form.
        if purpose == INQUIRY and booking.invitee.get("routing_form_submission") is None:
            yield _lead(booking, about)

    def _moved(self, new: Booking, old: str) -> Iterator[Event]:
        """One and the same from either half: everything is read from the new booking, and both name the old one."""
        fact, previous = f"moved:{invitee_uri(old)}", event_of(old)
        about = {"party": new.party(old), "others": new.others, "occurred_at": new.created_at, "fact": fact}
        when = {"calendar_event_id": new.event_id, "starts_at": _known(new.starts_at)}
        purpose = self._purpose(new)
        yield MeetingRescheduled(
            **about,
            **when,
            previous_event_id=previous,
            ends_at=new.ends_at,
            attendees=new.attendees,
            title=new.title,
            purpose=purpose,
        )
        if purpose == KICKOFF:
            yield KickoffBooked(**about, **when, booked_at=new.created_at)

    def _cancelled(self, booking: Booking, when: datetime) -> Iterator[Event]:
        why = told.mapping(booking.invitee.get("cancellation"), "cancellation")
        at = when if why.get("created_at") is None else told.moment(why["created_at"], "cancellation.created_at")
        about = {
            "party": booking.party(),
            "others": booking.others,
            "occurred_at": at,
            "fact": f"cancelled:{booking.uri}",
            "calendar_event_id": booking.event_id,
            "starts_at": booking.starts_at,
        }
        purpose = self._purpose(booking)
        yield MeetingCancelled(
            **about,
            attendees=booking.attendees,
            cancelled_by=told.text(why.get("canceled_by")),
            reason=told.text(why.get("reason")),
            purpose=purpose,
        )
        if purpose == KICKOFF:
            yield KickoffCancelled(**about)

    def _no_show(
        self, event: type[MeetingNoShow] | type[MeetingNoShowReversed], item: Item, when: datetime
    ) -> Iterator[Event]:
        booking = _booking_of(item)
        yield event(
            party=booking.party(),
            others=booking.others,
            occurred_at=when,
            calendar_event_id=booking.event_id,
            starts_at=booking.starts_at,
            attendees=booking.attendees,
            purpose=self._purpose(booking),
        )


def _payload(item: Item) -> Mapping[str, Any]:
    return told.mapping(item.data["payload"], "payload")


def _ask(item: Item, name: str, uri: str) -> Calls[None]:
    """Read a resource that the item has not got yet. What Calendly no longer has is told as far as it is known."""
    if name not in item.answers:
        yield Call(name, uri, secret=hook.ACCESS, accept=(404,))


def _booking(item: Item, invitee: Any) -> Calls[None]:
    """Read an invitee and the event that its URI names."""
    uri = invitee_uri(invitee)
    yield from _ask(item, "invitee", uri)
    yield from _ask(item, "event", event_uri(uri.partition("/invitees/")[0]))


def _bare_no_show(payload: Mapping[str, Any]) -> bool:
    """Whether the payload is a no-show itself, which only names its invitee."""
    return isinstance(payload.get("invitee"), str)


def _no_show_at(payload: Mapping[str, Any]) -> datetime | None:
    mark = payload if _bare_no_show(payload) else told.mapping(payload.get("no_show"), "no_show")
    return None if mark.get("created_at") is None else told.moment(mark["created_at"], "no_show.created_at")


def _fetched(item: Item) -> Booking | None:
    """The booking as the API gave it; None where it was not asked or not found."""
    invitee, event = resource(item.answers.get("invitee")), resource(item.answers.get("event"))
    return None if invitee is None or event is None else Booking(invitee, event)


def _booking_of(item: Item) -> Booking:
    """The booking that a delivery is about, with what was fetched for it."""
    payload = _payload(item)
    event = resource(item.answers.get("event")) or told.mapping(payload.get("scheduled_event"), "scheduled_event")
    if _bare_no_show(payload):
        return Booking(resource(item.answers.get("invitee")) or {"uri": payload["invitee"]}, event)
    return Booking(payload, event)


def _known(starts_at: datetime | None) -> datetime:
    if starts_at is None:
        raise PayloadError("the payload lacks its scheduled event; with the secret api it is read from Calendly")
    return starts_at


def _lead(booking: Booking, about: Mapping[str, Any]) -> LeadReceived:
    return LeadReceived(
        **about,
        fact=f"lead:{booking.uri}",
        lead_id=tail(booking.uri),
        channel="booking",
        fields=booking.answers,
        **_campaign(booking.invitee),
    )


def _submitted(payload: Mapping[str, Any]) -> LeadReceived:
    wrote = answers(payload.get("questions_and_answers"))
    form = told.text(payload.get("routing_form"))
    booked = payload.get("submitter") if payload.get("submitter_type") == "Invitee" else None
    return LeadReceived(
        party=submitter(wrote, booked),
        occurred_at=told.moment(payload["created_at"], "created_at"),
        fact=f"lead:{told.ident(payload['uri'], 'uri')}",
        lead_id=tail(told.ident(payload["uri"], "uri")),
        channel="form",
        form_id=None if form is None else tail(form),
        fields=wrote,
        **_campaign(payload),
    )


def _campaign(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Where they came from, as the link's own parameters say."""
    tracking = told.mapping(payload.get("tracking"), "tracking")
    return {"campaign_id": told.text(tracking.get("utm_campaign")), "platform": told.text(tracking.get("utm_source"))}
