"""Slack: messages of customers in shared channels, decisions by button, and a channel out for what was approved.

Documented (docs.slack.dev): the signature ``v0=`` over ``v0:time:body``, at most five minutes old
(authentication/verifying-requests-from-slack); the signed ``url_verification`` and three retries of an event, after
3 seconds without a 2xx (apis/events-api); the form field ``payload`` of interactivity, which is not retried
(interactivity/handling-user-interaction). ``message.subtype`` tells edits and notes of Slack's own from what somebody
wrote (reference/events/message).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from seamline import (
    Adapter,
    ApprovedDispatch,
    Calls,
    Decision,
    Delivery,
    Event,
    Item,
    NoticeDraft,
    Party,
    PayloadError,
    Ref,
    Replies,
    Reply,
    Request,
    content_key,
    unix_s,
)
from seamline.delivery import read_json
from seamline.events import ChatReceived, ChatSent
from seamline.signature import Header, Hmac, body
from seamline_adapters import told
from seamline_adapters.slack import api, markup
from seamline_adapters.slack.api import RECIPIENT, STAMP

_STAMP = Header("X-Slack-Request-Timestamp")

#: Longest challenge that is given back.
MAX_CHALLENGE = 1_000

#: What somebody wrote; every other subtype is an edit, or a note of Slack's own.
_WRITTEN = frozenset({None, "file_share", "me_message", "thread_broadcast"})

_NO_COMMANDS = b"Seamline takes no commands here. Decide on drafts with the buttons of their cards."

ChannelId = Annotated[str, Field(pattern=r"^[CGD][A-Z0-9]{2,30}$")]
UserId = Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{2,30}$")]
TeamId = Annotated[str, Field(pattern=r"^[TE][A-Z0-9]{2,30}$")]


class Slack(Adapter):
    """Chat with customers in the channels that the settings name, decisions by button, and posts that were approved.

    A pressed button is a command: who pressed it, and whether they may decide, is judged by the engine.
    """

    name = "slack"
    signature = Hmac(Header("X-Slack-Signature", "v0="), (b"v0:", _STAMP, b":", body), stamp=_STAMP)
    emits = (ChatReceived, ChatSent)
    headers = ("X-Slack-Retry-Num", "X-Slack-Retry-Reason")
    hosts = ("slack.com", api.HOOKS)
    optional_secrets = (api.TOKEN,)
    sends = True
    replies = Replies(
        ok=Reply(200),
        foreign=Reply(200),
        retried=range(400, 600),
        within=timedelta(seconds=3),
        attempts="events: at once, after 1 and after 5 minutes; buttons and commands are never sent again "
        "(docs.slack.dev, Events API)",
    )

    class Settings(BaseModel):
        """``teams``: the only workspaces that are ours; empty: every one that has the app.

        ``channels``: those whose messages are told, each of one customer. ``colleagues``: users whose messages there
        are our own side's.
        """

        model_config = ConfigDict(extra="forbid")

        teams: tuple[TeamId, ...] = ()
        channels: tuple[ChannelId, ...] = ()
        colleagues: tuple[UserId, ...] = ()

    # --- front door ------------------------------------------------------------------------------------------------

    def refuse(self, request: Request) -> str | None:
        team = _team(_content(request))
        ours: tuple[str, ...] = self.settings.teams
        return "the workspace is not in the settings" if ours and team is not None and team not in ours else None

    def delivery_key(self, request: Request) -> str | None:
        """An event keeps its id in every retry; a press and a command have a trigger of their own."""
        content = _content(request)
        return told.text(content.get("event_id")) or told.text(content.get("trigger_id"))

    def reply(self, request: Request) -> Reply:
        content = _content(request)
        challenge = told.text(content.get("challenge"))
        if content.get("type") == "url_verification" and challenge is not None and len(challenge) <= MAX_CHALLENGE:
            return Reply(200, challenge.encode("utf-8", "replace"))
        return Reply(200, _NO_COMMANDS) if "command" in content else self.replies.ok

    # --- worker ----------------------------------------------------------------------------------------------------

    def split(self, delivery: Delivery) -> Iterator[Item]:
        content = _content(delivery)
        kind = "command" if "command" in content else told.ident(content["type"], "type")
        if kind == "event_callback":
            kind = told.text(told.at(content, "event.type")) or kind
        if kind != "url_verification":
            yield Item(delivery.key or content_key(content), content, kind)

    def fetch(self, item: Item) -> Calls[None]:
        """Ask who wrote a message: without their address nobody knows that they are the one who wrote a mail."""
        message = self._message(item)
        if message is not None and "user" not in item.answers and message["user"] not in self.settings.colleagues:
            yield from api.who(message["user"])

    def normalize(self, item: Item) -> Iterator[Event | Decision]:
        if item.kind == "block_actions":
            yield from _decisions(item.data)
            return
        message = self._message(item)
        if message is None:
            return
        channel, user = message["channel"], message["user"]
        if user in self.settings.colleagues:
            yield ChatSent(party=_customer(item, channel), **_written(message))
            return
        profile = api.profile(item.answers.get("user"))
        realm = told.text(message.get("user_team")) or told.text(message.get("team")) or _team(item.data) or ""
        person = Ref(of="person", kind="user", id=user, realm=realm)
        party = told.party(
            name=profile.get("real_name"),
            address=profile.get("email"),
            number=profile.get("phone"),
            refs=(person, *_customer(item, channel).refs),
        )
        yield ChatReceived(party=party, sender=user, **_written(message))

    def _message(self, item: Item) -> Mapping[str, Any] | None:
        """What somebody wrote in a channel of the settings; None: an edit, a bot's, or of another channel."""
        if item.kind != "message":
            return None
        message = told.mapping(item.data.get("event"), "event")
        ours = message.get("app_id") is not None and message.get("app_id") == item.data.get("api_app_id")
        if ours or message.get("bot_id") is not None or message.get("hidden") is True:
            return None
        if not isinstance(message.get("subtype"), str | None) or message.get("subtype") not in _WRITTEN:
            return None
        if message.get("channel") not in tuple(self.settings.channels):
            return None
        return {**message, "user": told.ident(message["user"], "event.user")}

    # --- towards the world -----------------------------------------------------------------------------------------

    def preflight(self, dispatch: ApprovedDispatch) -> str | None:
        if len(dispatch.recipients) != 1:
            return "Slack sends to one channel or user at a time; name exactly one"
        if RECIPIENT.fullmatch(dispatch.recipients[0]) is None:
            return "the recipient is no id of a channel or a user at Slack, such as C0123ABCD or U0123ABCD"
        if not dispatch.body.strip():
            return "the text is empty"
        if markup.size(dispatch.body) > markup.MAX_TEXT:
            return f"the text is longer than {markup.MAX_TEXT:,} characters, which Slack would cut off"
        if dispatch.subject:
            return "a message at Slack has no subject; put it into the text"
        if dispatch.attachments:
            return "files are not sent to Slack"
        return _thread_fault(dispatch)

    def send(self, dispatch: ApprovedDispatch) -> Calls[str]:
        """Post what was approved. Slack knows no idempotency keys: an answer that is lost is Uncertain."""
        fault = self.preflight(dispatch)
        if fault is not None:
            raise PayloadError(fault)
        thread = None if dispatch.thread is None else dispatch.thread.partition("/")[2]
        return (yield from api.post("send", dispatch.recipients[0], dispatch.body, thread=thread))

    def notice(self, recipient: str, text: str, draft: NoticeDraft | None) -> Calls[str]:
        if RECIPIENT.fullmatch(recipient) is None:
            raise PayloadError("the recipient is no id of a channel or a user at Slack")
        if draft is None:
            return (yield from api.post("notice", recipient, markup.cut(text)))
        return (yield from self.ask_approval(recipient, text, draft))

    def ask_approval(self, recipient: str, text: str, draft: NoticeDraft) -> Calls[str]:
        """Post a draft with its buttons. The press comes back as a Decision, from whoever pressed."""
        card = markup.approval_card(draft.id, draft.sha256, text, draft.subject, draft.body)
        return (yield from api.post("approval", recipient, markup.cut(text), blocks=card))

    def answer(self, answer_to: str, text: str) -> Calls[None]:
        """Tell whoever pressed a button what came of it; Slack takes five answers within half an hour."""
        return api.answer(answer_to, text)


def _content(request: Request) -> Mapping[str, Any]:
    """What a request says: an event's JSON, a button's JSON in a form, or a command's form. Raises PayloadError.

    Nobody signs the Content-Type: a message in which somebody wrote ``&payload=…`` must not be read as a pressed button
    because whoever passes it on calls it a form. No form of Slack's begins with a brace, and every event does.
    """
    if not request.is_form or request.body.lstrip().startswith(b"{"):
        return told.mapping(request.json(), "the body")
    payload = request.form().get("payload")
    if payload is None:
        return dict(request.form().fields)
    return told.mapping(read_json(payload.encode("utf-8", "surrogatepass")), "payload")


def _team(content: Mapping[str, Any]) -> str | None:
    """The workspace that has the app; of an app that an organisation installed, the organisation."""
    team = told.text(content.get("team_id")) or told.text(told.at(content, "team.id"))
    return team or told.text(told.at(content, "enterprise.id"))


def _decisions(pressed: Mapping[str, Any]) -> Iterator[Decision]:
    """The decisions in the buttons that somebody pressed; the actor is ``team/user``."""
    for action in told.listed(pressed["actions"], "actions"):
        button = markup.press(told.mapping(action, "an action"))
        if button is None:
            continue
        user = told.mapping(pressed["user"], "user")
        team = told.text(user.get("team_id")) or _team(pressed)
        yield Decision(
            request_id=button.draft_id,
            verdict=button.verdict,
            actor=f"{told.ident(team, 'user.team_id')}/{told.ident(user['id'], 'user.id')}",
            occurred_at=unix_s(action["action_ts"]),
            seen_sha256=button.sha256,
            answer_to=api.response_url(pressed.get("response_url")),
        )


def _customer(item: Item, channel: str) -> Party:
    """The customer whose channel it is."""
    return Party(refs=(Ref(of="account", kind="channel", id=channel, realm=_team(item.data) or ""),))


def _written(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message's own fields. Its time is its id in its channel, and is the same in whatever event tells it."""
    channel, stamp = message["channel"], told.ident(message["ts"], "event.ts")
    if STAMP.fullmatch(stamp) is None:
        raise PayloadError("event.ts is not a time of Slack's")
    thread, text = told.text(message.get("thread_ts")), told.text(message.get("text"))
    return {
        "occurred_at": unix_s(stamp),
        "fact": f"message:{channel}:{stamp}",
        "message_id": f"{channel}/{stamp}",
        "thread_id": None if thread is None else f"{channel}/{thread}"[:300],
        "channel": "chat",
        "text": None if text is None else markup.shown(text),
    }


def _thread_fault(dispatch: ApprovedDispatch) -> str | None:
    if dispatch.thread is None:
        return None
    channel, _, stamp = dispatch.thread.partition("/")
    if channel != dispatch.recipients[0] or STAMP.fullmatch(stamp) is None:
        return "the thread is none of this channel's"
    return None
