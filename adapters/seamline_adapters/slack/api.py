"""Slack's Web API: posting, asking who somebody is, and what an answer with ``ok: false`` means.

Documented (docs.slack.dev): ``chat.postMessage`` with its errors (reference/methods/chat.postMessage), the limit of one
message a second and channel, told by HTTP 429 with ``Retry-After`` (apis/web-api/rate-limits), ``users.info``, and
``response_url`` (interactivity/handling-user-interaction). Slack knows no idempotency key: a post whose answer was lost
is Uncertain and is not sent again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from seamline import Answer, Call, CallRefused, Calls, NeedsHuman, PayloadError, RetryLater, Uncertain
from seamline_adapters import told
from seamline_adapters.slack.markup import Block, escaped

API = "https://slack.com/api"
HOOKS = "hooks.slack.com"

#: The name of the secret with the bot's token.
TOKEN = "api"  # noqa: S105  (the name of a secret)

#: Ids of a channel (also a group's and a direct one's) or of a user.
RECIPIENT = re.compile(r"[CGDUW][A-Z0-9]{2,30}")
STAMP = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}")

_RESPONSE_URL = re.compile(rf"https://{re.escape(HOOKS)}/[A-Za-z0-9_/-]{{1,300}}")
_NAMED = re.compile(r"[a-z_]{1,60}")

#: The token, the app or the workspace: nothing that waiting would mend.
_CREDENTIALS = re.compile(
    "accesslimited|access_denied|account_inactive|deprecated_endpoint|ekm_access_denied|enterprise_is_restricted|"
    "invalid_auth|is_bot|method_deprecated|missing_scope|no_permission|not_allowed_token_type|not_authed|"
    "org_login_required|restricted_action[a-z_]*|team_access_not_granted|token_expired|token_revoked|"
    "two_factor_setup_required"
)
#: Refused before anything was done, for a while.
_PASSING = frozenset({"ratelimited", "rate_limited", "request_timeout", "service_unavailable", "team_added_to_org"})
#: "It's possible some aspect of the operation succeeded before the error was raised."
_UNKNOWN = frozenset({"fatal_error", "internal_error"})
_ADVICE = {"not_in_channel": "; invite the app to the channel", "is_archived": "; the channel is archived"}


def post(
    name: str, channel: str, text: str, *, blocks: Sequence[Block] | None = None, thread: str | None = None
) -> Calls[str]:
    """Post a message; gives its id, ``channel/ts``. The text is shown as it stands, with nothing added to it."""
    message: dict[str, Any] = {
        "channel": channel,
        "text": escaped(text),
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }
    if blocks is not None:
        message["blocks"] = list(blocks)
    if thread is not None:
        message["thread_ts"] = thread
    answer = yield Call(name, f"{API}/chat.postMessage", method="POST", json=message, secret=TOKEN)
    body = accepted(answer)
    to, stamp = told.text(body.get("channel")), told.text(body.get("ts"))
    if to is None or stamp is None:
        raise Uncertain("Slack took the message and named none: look in the channel")
    return f"{to}/{stamp}"


def accepted(answer: Answer) -> Mapping[str, Any]:
    """The body of an answer with ``ok: true``.

    Raises RetryLater for limits, NeedsHuman for tokens and permissions, CallRefused for another refusal, and Uncertain
    where Slack may have acted.
    """
    try:
        body = told.mapping(answer.json(), "Slack's answer")
    except PayloadError:
        body = {}
    if body.get("ok") is True:
        return body
    if body.get("ok") is not False:
        raise Uncertain("Slack's answer says neither yes nor no")
    given = told.text(body.get("error")) or ""
    error = given if _NAMED.fullmatch(given) else "an error without a name"
    if error in _PASSING:
        raise RetryLater(f"Slack: {error}", _after(answer))
    if _CREDENTIALS.fullmatch(error):
        raise NeedsHuman(f"Slack: {error}; look at the app's token, its scopes and the workspace's rules")
    if error in _UNKNOWN:
        raise Uncertain(f"Slack: {error}; it may have posted the message")
    raise CallRefused(f"Slack: {error}{_ADVICE.get(error, '')}", answer.status)


def response_url(value: Any) -> str | None:
    """Where a press can be answered; None for what is no address of Slack's."""
    found = told.text(value)
    return found if found is not None and _RESPONSE_URL.fullmatch(found) else None


def answer(to: str, text: str) -> Calls[None]:
    """Tell whoever pressed a button what came of it, visible to them only. Raises PayloadError for another's URL."""
    if response_url(to) is None:
        raise PayloadError("the response_url is not Slack's")
    said = {"response_type": "ephemeral", "replace_original": False, "text": escaped(text)}
    yield Call("answer", to, method="POST", json=said)


def who(user: str) -> Calls[None]:
    """Ask who a user is; the answer is stored with the item. What Slack does not tell is no fault of the message."""
    answer = yield Call("user", f"{API}/users.info", query={"user": user}, secret=TOKEN)
    error = told.text(told.mapping(answer.json(), "Slack's answer").get("error"))
    if error in _PASSING:
        raise RetryLater(f"Slack: {error}", _after(answer))


def profile(answer: Answer | None) -> Mapping[str, Any]:
    """What Slack tells of a user; empty where it was not asked, or does not tell."""
    body = {} if answer is None else told.mapping(answer.json(), "Slack's answer")
    if body.get("ok") is not True:
        return {}
    user = told.mapping(body.get("user"), "user")
    return told.mapping(user.get("profile"), "user.profile")


def _after(answer: Answer) -> timedelta | None:
    seconds = answer.headers.get("retry-after", "").strip()
    return timedelta(seconds=int(seconds)) if re.fullmatch("[0-9]{1,5}", seconds) else None
