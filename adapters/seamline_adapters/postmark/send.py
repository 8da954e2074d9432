"""Postmark as a way out: one approved mail by ``POST /email``, and what a refusal means.

Documented (postmarkapp.com/developer/api/email-api, …/api/overview#error-codes): refusals come as HTTP 422 with an
``ErrorCode``, a wrong token as 401, limits as 429. Postmark knows no idempotency key: a mail whose answer was lost is
Uncertain and is not sent again.
"""

from __future__ import annotations

import base64
from typing import Any

from seamline import (
    Answer,
    ApprovedDispatch,
    Call,
    CallRefused,
    Calls,
    NeedsHuman,
    PayloadError,
    RetryLater,
    Uncertain,
    content_key,
)
from seamline_adapters import letter, told

URL = "https://api.postmarkapp.com/email"

#: The name of the secret with the server's token.
TOKEN = "api"  # noqa: S105  (the name of a secret)

#: Longest value of a metadata field.
_MAX_METADATA = 80

#: 400, 401: the sender's signature; 405, 412, 413: what the account may send; 1235, 1236: the message stream.
_ACCOUNT = {10, 400, 401, 405, 412, 413, 1235, 1236}
#: 100: maintenance; 429: too many requests. Refused before anything was done.
_PASSING = {100, 429}
_INACTIVE = 406


def send(dispatch: ApprovedDispatch, sender: tuple[str, str], stream: str) -> Calls[str]:
    """Send it; gives Postmark's MessageID."""
    call = Call("send", URL, method="POST", json=_mail(dispatch, sender, stream), secret=TOKEN, accept=(422,))
    answer = yield call
    body = _body(answer)
    code = body.get("ErrorCode")
    if answer.status == 422 or (isinstance(code, int) and code != 0):
        raise _refusal(code)
    message = told.text(body.get("MessageID"))
    if message is None:
        raise Uncertain("Postmark took the mail and named none: look in its activity")
    return message


def _mail(dispatch: ApprovedDispatch, sender: tuple[str, str], stream: str) -> dict[str, Any]:
    mail: dict[str, Any] = {
        "From": letter.shown(sender),
        "To": ", ".join(dispatch.recipients),
        "Subject": dispatch.subject,
        "TextBody": dispatch.body,
        "MessageStream": stream,
        # Following links would write others in their place.
        "TrackLinks": "None",
        # Not in the mail: it comes back with the webhooks, and finds the mail in Postmark's activity.
        "Metadata": {"key": dispatch.key if len(dispatch.key) <= _MAX_METADATA else content_key(dispatch.key)},
    }
    if headers := letter.thread(dispatch):
        mail["Headers"] = [{"Name": name, "Value": value} for name, value in headers.items()]
    if dispatch.attachments:
        mail["Attachments"] = [
            {"Name": one.name, "ContentType": one.content_type, "Content": base64.b64encode(one.content).decode()}
            for one in dispatch.attachments
        ]
    return mail


def _refusal(code: Any) -> Exception:
    """What to raise. Postmark's own words name recipients: they are not shown."""
    if code in _PASSING:
        return RetryLater(f"Postmark: error {code}")
    if code in _ACCOUNT:
        return NeedsHuman(f"Postmark: error {code}; look at the token, the sender's signature, the account and stream")
    if code == _INACTIVE:
        return CallRefused("Postmark: error 406; a recipient is inactive, after a bounce or a complaint", 422)
    return CallRefused(f"Postmark: error {code if isinstance(code, int) else 'without a code'}", 422)


def _body(answer: Answer) -> dict[str, Any]:
    try:
        body = answer.json()
    except PayloadError:
        return {}
    return body if isinstance(body, dict) else {}
