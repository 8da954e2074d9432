"""What CallRail sends, and what must come of it."""

from __future__ import annotations

from pathlib import Path

from seamline import NeedsHuman
from seamline.errors import SecretMissing
from seamline.events import CallCompleted, ChatReceived, ChatSent, LeadReceived
from seamline.testing import ABSENT, Respond, Sample, Story, Suite, story
from seamline_adapters.callrail import CallRail

_VOICEMAIL = "post_call.voicemail.official_vector.json"
_ANSWERED = "post_call.answered.json"
_MODIFIED = "call_modified.json"
_FORM = "form_submission.json"
_TEXT = "text_message_received.json"

_MISSED = {"call_type": "missed", "voicemail": False, "recording": None, "duration": "21"}
_TAGGED = {"tags": ["booked"], "changes": ["tags"]}

#: The fields in which a listed call differs: the API's own address of the recording, and who called.
_AS_LISTED = {
    "person_resource_id": "PER8154748ae6bd4e278a7cddd38a662f4f",
    "recording": "https://api.callrail.com/v3/a/227799611/calls/CAL8154748ae6bd4e278a7cddd38a662f4f/recording.json",
}

_LOG = "GET /v3/a/227799611/calls.json"
_ACCOUNT = {"account": "227799611"}
_ACCESS = {"api": ['Token token="example-api-key"']}
_POLL = Sample(None, poll="calls")
_PAGES = ["api_calls_page_1.json", "api_calls_page_2.json"]

_STORIES = (
    story("a voicemail of the documents", _VOICEMAIL, CallCompleted),
    story("answered", _ANSWERED, CallCompleted),
    story("missed", _VOICEMAIL, CallCompleted, patch=_MISSED),
    story("outbound", "outbound_post_call.json", CallCompleted),
    story(
        "a first call of a known person, transcribed",
        _ANSWERED,
        CallCompleted,
        patch={
            "first_call": True,
            "person_resource_id": "PER8154748ae6bd4e278a7cddd38a662f4f",
            "transcription": "Hello, do you service Dallas?",
        },
    ),
    story(
        "a caller who hides the number",
        _ANSWERED,
        CallCompleted,
        patch={
            "customer_phone_number": "anonymous",
            "customer_name": "",
        },
    ),
    story("the phone still rings", _VOICEMAIL, patch={**_MISSED, "duration": "0"}),
    story("the call goes on, and its duration is not told", _ANSWERED, patch={"duration": ABSENT}),
    Story(
        "a call that is tagged later is one call",
        (Sample(_ANSWERED), Sample(_ANSWERED, patch=_TAGGED), Sample(_ANSWERED, patch={**_TAGGED, "note": "Booked."})),
        (CallCompleted,),
        any_order=True,
    ),
    Story(
        "a call told while it rings, when it has ended and when it is tagged",
        (
            Sample(_ANSWERED, patch={**_MISSED, "duration": "0", "answered": False}),
            Sample(_ANSWERED),
            Sample(_ANSWERED, patch=_TAGGED),
        ),
        (CallCompleted,),
        any_order=True,
    ),
    story("of a call that was lost, the change tells", _MODIFIED, CallCompleted),
    Story("two calls", (Sample(_ANSWERED), Sample(_VOICEMAIL)), (CallCompleted, CallCompleted), any_order=True),
    story("a call without an id", _VOICEMAIL, patch={"id": ABSENT}, quarantined=1),
    story("a form", _FORM, LeadReceived),
    Story(
        "a form told twice",
        (Sample(_FORM), Sample(_FORM, patch={"first_form": False})),
        (LeadReceived,),
        any_order=True,
    ),
    story(
        "a form with names of its own",
        _FORM,
        LeadReceived,
        patch={
            "form_data": {
                "Your First-Name": "Jane",
                "First Name": "Jan",
                "Last Name": "Doe",
                "reach_me": "jane@example.com",
                "Tel.": "+1 214 865 4559",
            },
        },
        settings={"form_fields": {"Your First-Name": "first_name", "reach_me": "email"}},
    ),
    story("a form whose fields are no object", _FORM, patch={"form_data": "Quote please"}, quarantined=1),
    story("a text message", _TEXT, ChatReceived),
    story(
        "a text message with a picture",
        _TEXT,
        ChatReceived,
        patch={
            "message_type": "mms",
            "content": "",
            "media_urls": ["https://media.example.com/1.jpg"],
        },
    ),
    story(
        "a text message that a colleague sent",
        _TEXT,
        ChatSent,
        patch={
            "agent": "Sam Seller",
            "source_number": "+14045558514",
            "destination_number": "+12148654559",
            "content": "We do. When may we call?",
        },
    ),
    story("our company", _ANSWERED, CallCompleted, settings={"companies": ["155920786"]}),
    story("another company", _ANSWERED, settings={"companies": ["COM1"]}, refused=True),
    Story(
        "the call log read to its end, and again back to what is known",
        (_POLL, _POLL),
        (CallCompleted,) * 4,
        answers={_LOG: [*_PAGES, "api_calls_later.json"]},
        secrets=_ACCESS,
        settings=_ACCOUNT,
    ),
    Story(
        "a page of the call log, and a page that overlaps",
        (Sample(_PAGES[0], poll="calls"), Sample(_PAGES[0], poll="calls", patch={"calls.0": ABSENT})),
        (CallCompleted, CallCompleted),
        any_order=True,
    ),
    Story(
        "the webhook and the call log tell one call",
        (Sample(_ANSWERED, patch=_AS_LISTED), Sample(_PAGES[0], poll="calls", patch={"calls.1": ABSENT})),
        (CallCompleted,),
        any_order=True,
    ),
    story(
        "another company's call in the log is passed over",
        "api_calls_other_company.json",
        CallCompleted,
        poll="calls",
        settings={"companies": ["COM8154748ae6bd4e278a7cddd38a662f4f"]},
    ),
    Story(
        "the call log takes the key no longer",
        (_POLL, _POLL),
        answers={_LOG: [Respond(status=401), Respond(status=403)]},
        secrets=_ACCESS,
        settings=_ACCOUNT,
        raises=NeedsHuman,
    ),
    story("a key without an account", None, poll="calls", secrets=_ACCESS, raises=NeedsHuman),
    story("without a key nothing is asked", None, poll="calls", settings=_ACCOUNT, raises=SecretMissing),
    story("an event that is none of these", _ANSWERED, patch={"call_type": ABSENT}),
)

stories = Suite(
    CallRail,
    Path(__file__).parent.parent / "samples" / "callrail",
    _STORIES,
    exempt={"unknown kinds were tried": "no body of CallRail names its event, so there is no kind to replace"},
)
