"""Stories of Slack: messages in a customer's channel, buttons, commands, the signed handshake, and what is no fact."""

from __future__ import annotations

from pathlib import Path

from seamline import Decision, RetryLater
from seamline.events import ChatReceived, ChatSent
from seamline.testing import ABSENT, Respond, Sample, Sending, Story, Suite, story
from seamline.testing.story import FORM
from seamline_adapters.slack import Slack

_OURS = {"teams": ["T111"], "channels": ["C111"]}
_TOKEN = {"api": ["xoxb-example-token"]}
_WHO = "GET /api/users.info"
_MESSAGE = "event.message.json"
_APPROVE = "block_actions.approve.form"
_CHALLENGE = b"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"

_STORIES = (
    story("a customer writes", _MESSAGE, ChatReceived, settings=_OURS),
    story(
        "a customer writes, and Slack knows their address",
        _MESSAGE,
        ChatReceived,
        settings=_OURS,
        answers={_WHO: "api_users_info.json"},
        secrets=_TOKEN,
    ),
    story(
        "a customer writes whom Slack does not show us",
        _MESSAGE,
        ChatReceived,
        settings=_OURS,
        answers={_WHO: "api_users_info_unknown.json"},
        secrets=_TOKEN,
    ),
    story(
        "who wrote is asked too often",
        _MESSAGE,
        settings=_OURS,
        answers={_WHO: Respond("api_ratelimited.json", headers={"Retry-After": "30"})},
        secrets=_TOKEN,
        raises=RetryLater,
    ),
    story("a customer answers in a thread", "event.message.thread.json", ChatReceived, settings=_OURS),
    story("a colleague writes", _MESSAGE, ChatSent, settings=_OURS | {"colleagues": ["W111"]}),
    Story(
        "the same event is sent again",
        (
            Sample(_MESSAGE),
            Sample(
                "event.message.retry.json",
                headers={"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"},
            ),
        ),
        (ChatReceived,),
        settings=_OURS,
        any_order=True,
    ),
    Story(
        "two messages in a row",
        (Sample(_MESSAGE), Sample("event.message.thread.json")),
        (ChatReceived, ChatReceived),
        settings=_OURS,
        any_order=True,
    ),
    story("a channel that is nobody's", _MESSAGE, settings={"teams": ["T111"]}),
    story("our own bot writes", "event.message.bot.json", settings=_OURS),
    story("a message is edited", "event.message.changed.json", settings=_OURS),
    story("somebody joins", _MESSAGE, settings=_OURS, patch={"event.subtype": "channel_join"}),
    story("a message of nobody", _MESSAGE, settings=_OURS, patch={"event.user": ABSENT}, quarantined=1),
    story("another event", _MESSAGE, settings=_OURS, patch={"event.type": "reaction_added"}),
    story("another workspace's event", _MESSAGE, settings={"teams": ["T999"]}, refused=True),
    story("a draft is approved", _APPROVE, Decision, settings=_OURS, content_type=FORM),
    story("a draft is rejected", "block_actions.reject.form", Decision, settings=_OURS, content_type=FORM),
    Story(
        "two buttons are pressed",
        (Sample(_APPROVE, content_type=FORM), Sample("block_actions.reject.form", content_type=FORM)),
        (Decision, Decision),
        settings=_OURS,
    ),
    story("a button that is not ours", "block_actions.bolt.form", settings=_OURS, content_type=FORM),
    story("another workspace's button", _APPROVE, settings={"teams": ["T999"]}, content_type=FORM, refused=True),
    story(
        "a command is answered and tells nothing",
        "slash_command.official_vector.form",
        content_type=FORM,
        replies=b"Seamline takes no commands here. Decide on drafts with the buttons of their cards.",
    ),
    story("the address is verified", "url_verification.json", settings=_OURS, replies=_CHALLENGE),
)

_SENDINGS = (
    Sending(
        "a message",
        ("C0123ABCD",),
        "Here is *the offer* <today> & it costs 1.200 €",
        answers={"POST /api/chat.postMessage": "api_post_message.json"},
    ),
    Sending("a message by mail", ("dana@example.com",), "Hello", refused=True),
    Sending("a message without a text", ("C0123ABCD",), " ", refused=True),
)

stories = Suite(Slack, Path(__file__).parent.parent / "samples" / "slack", _STORIES, sendings=_SENDINGS)
