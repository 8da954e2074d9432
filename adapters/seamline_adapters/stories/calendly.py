"""Stories of Calendly: booked, moved from either half, called off, missed, and leads of forms and bookings."""

from __future__ import annotations

from pathlib import Path

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
from seamline.testing import ABSENT, Respond, Sample, Story, Suite, story
from seamline_adapters.calendly import Calendly

_ACCESS = {"api": ["example-access-token"]}
_OLD_HALF = "invitee.canceled.rescheduled.json"
_NEW_HALF = "invitee.created.rescheduled.json"
_CREATED = "invitee.created.json"
_CANCELED = "invitee.canceled.json"
_BEFORE_2023 = "invitee.canceled.activepieces.json"
_NEW_BOOKING = {
    "GET /scheduled_events/EVT2/invitees/INV2": "api_invitee_INV2.json",
    "GET /scheduled_events/EVT2": "api_event_EVT2.json",
}
_KICKOFF = {"purposes": {"discovery call": "kickoff"}}
_INQUIRY = {"purposes": {"https://api.calendly.com/event_types/ET1": "inquiry"}}

_STORIES = (
    story("booked", _CREATED, MeetingBooked),
    story("booked, as a kickoff", _CREATED, MeetingBooked, KickoffBooked, settings=_KICKOFF),
    story("booked, as an inquiry", _CREATED, MeetingBooked, LeadReceived, settings=_INQUIRY),
    story(
        "booked after a routing form, which told the lead",
        _CREATED,
        MeetingBooked,
        settings=_INQUIRY,
        patch={"payload.routing_form_submission": "https://api.calendly.com/routing_form_submissions/RFS1"},
    ),
    story(
        "booked, in the old shape",
        _CREATED,
        MeetingBooked,
        patch={"payload.scheduled_event": ABSENT},
        answers={"GET /scheduled_events/EVT1": "api_event_EVT1.json"},
        secrets=_ACCESS,
    ),
    story(
        "booked, in the old shape and without a token",
        _CREATED,
        patch={"payload.scheduled_event": ABSENT},
        quarantined=1,
    ),
    story("moved, told by the new half", _NEW_HALF, MeetingRescheduled),
    story("moved, told by the old half", _OLD_HALF, MeetingRescheduled, answers=_NEW_BOOKING, secrets=_ACCESS),
    story("moved, the old half without a token tells nothing", _OLD_HALF),
    story(
        "moved, and the new booking is not found",
        _OLD_HALF,
        answers={key: Respond(status=404) for key in _NEW_BOOKING},
        secrets=_ACCESS,
    ),
    Story(
        "moved, both halves",
        (Sample(_OLD_HALF), Sample(_NEW_HALF)),
        (MeetingRescheduled,),
        answers=_NEW_BOOKING,
        secrets=_ACCESS,
        any_order=True,
    ),
    Story(
        "moved, both halves without a token",
        (Sample(_OLD_HALF), Sample(_NEW_HALF)),
        (MeetingRescheduled,),
        any_order=True,
    ),
    Story(
        "a kickoff moved, both halves",
        (Sample(_OLD_HALF), Sample(_NEW_HALF)),
        (MeetingRescheduled, KickoffBooked),
        answers=_NEW_BOOKING,
        secrets=_ACCESS,
        settings=_KICKOFF,
        any_order=True,
    ),
    story("called off", _CANCELED, MeetingCancelled),
    story("a kickoff called off", _CANCELED, MeetingCancelled, KickoffCancelled, settings=_KICKOFF),
    story("called off, in the old shape", _BEFORE_2023, MeetingCancelled),
    story(
        "a kickoff called off, in the old shape",
        _BEFORE_2023,
        MeetingCancelled,
        KickoffCancelled,
        answers={"GET /scheduled_events/AAAAAAAAA": "api_event_AAAAAAAAA.json"},
        secrets=_ACCESS,
        settings={"purposes": {"Kickoff call": "kickoff"}},
    ),
    Story(
        "missed, and taken back",
        (Sample("invitee_no_show.created.json"), Sample("invitee_no_show.deleted.json")),
        (MeetingNoShow, MeetingNoShowReversed),
        any_order=True,
    ),
    story("missed, told bare", "invitee_no_show.created.bare.json", MeetingNoShow),
    story(
        "missed, told bare and read in full",
        "invitee_no_show.created.bare.json",
        MeetingNoShow,
        answers={
            "GET /scheduled_events/EVT1/invitees/INV1": "api_invitee_INV1.json",
            "GET /scheduled_events/EVT1": "api_event_EVT1.json",
        },
        secrets=_ACCESS,
    ),
    story("a routing form", "routing_form_submission.created.json", LeadReceived),
    story("an event that nobody knows", _CREATED, patch={"event": "meeting_recap.created"}),
)

stories = Suite(Calendly, Path(__file__).parent.parent / "samples" / "calendly", _STORIES)
