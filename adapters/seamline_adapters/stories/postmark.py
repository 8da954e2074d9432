"""Stories of Postmark: mail that comes in, and what becomes of mail that goes out."""

from __future__ import annotations

from pathlib import Path

from seamline import Attachment
from seamline.events import EmailDeliveryChanged, EmailReceived
from seamline.testing import ABSENT, Sample, Story, Suite, story
from seamline_adapters.postmark import Postmark
from seamline_adapters.stories.letter import letters

_NO_MESSAGE = "00000000-0000-0000-0000-000000000000"
_OURS = {"sender": "Example Agency <hello@example.com>"}
_SENT = {"POST /email": "api_email_sent.json"}
_CHANGES = ("delivered.json", "open.json", "click.json")


def _bounce(name: str, kind: str, *emits: type[EmailDeliveryChanged]) -> Story:
    return story(name, "bounce.json", *emits, patch={"Type": kind, "Inactive": False})


_STORIES = (
    story("mail of the documents", "inbound.basics.json", EmailReceived),
    story("the check button's mail, with Data for Content", "inbound.check_with_raw.json", EmailReceived),
    story("an answer with words between the quoted ones", "inbound.reply.json", EmailReceived),
    story("out of office", "inbound.out_of_office.json", EmailReceived),
    story("a bounce that came as mail", "inbound.bounce.json", EmailReceived, EmailDeliveryChanged),
    story(
        "a bounce that came as mail, without the raw mail",
        "inbound.bounce.json",
        EmailReceived,
        patch={"RawEmail": ABSENT},
    ),
    story("a web form's mail, in HTML only", "inbound.web_form.json", EmailReceived),
    story("mail without a message id of its own", "inbound.basics.json", EmailReceived, patch={"Headers": []}),
    story("mail that names nobody", "inbound.basics.json", patch={"FromFull": ABSENT}, quarantined=1),
    story("delivered", "delivered.json", EmailDeliveryChanged),
    story("opened", "open.json", EmailDeliveryChanged),
    story("clicked", "click.json", EmailDeliveryChanged),
    story("a hard bounce", "bounce.json", EmailDeliveryChanged),
    _bounce("a soft bounce", "SoftBounce", EmailDeliveryChanged),
    _bounce("a delay", "Transient", EmailDeliveryChanged),
    _bounce("a bounce that nobody knows", "NewInTheFuture", EmailDeliveryChanged),
    _bounce("a mailbox that answers by itself", "AutoResponder"),
    _bounce("unsubscribed by mail", "Unsubscribe", EmailDeliveryChanged),
    story("a complaint", "spam_complaint.json", EmailDeliveryChanged),
    story("unsubscribed", "unsubscribe.json", EmailDeliveryChanged),
    story(
        "subscribed again",
        "unsubscribe.json",
        EmailDeliveryChanged,
        patch={"SuppressSending": False, "SuppressionReason": None},
    ),
    story(
        "suppressed after a complaint",
        "unsubscribe.json",
        EmailDeliveryChanged,
        patch={"SuppressionReason": "SpamComplaint"},
    ),
    story(
        "suppressed after a bounce", "unsubscribe.json", EmailDeliveryChanged, patch={"SuppressionReason": "HardBounce"}
    ),
    Story(
        "two recipients suppressed by hand in one second, without a message",
        tuple(
            Sample("unsubscribe.json", patch={"MessageID": _NO_MESSAGE, "Recipient": recipient, "Origin": "Customer"})
            for recipient in ("john@example.com", "jane@example.com")
        ),
        (EmailDeliveryChanged, EmailDeliveryChanged),
        any_order=True,
    ),
    Story(
        "a message's life in any order",
        tuple(Sample(file) for file in _CHANGES),
        (EmailDeliveryChanged,) * len(_CHANGES),
        any_order=True,
    ),
    Story("a delivery told twice", (Sample("delivered.json"), Sample("delivered.json")), (EmailDeliveryChanged,)),
    story("a record type that nobody knows", "delivered.json", patch={"RecordType": "Sneezed"}),
)

stories = Suite(
    Postmark,
    Path(__file__).parent.parent / "samples" / "postmark",
    _STORIES,
    addresses=("@postmarkapp.com", "@inbound.postmarkapp.com"),
    sendings=(
        *letters(_OURS, answers=_SENT),
        *letters(_OURS, "with a file", _SENT, attachments=(Attachment("Offer.pdf", "application/pdf", b"%PDF-1.7"),)),
    ),
)
