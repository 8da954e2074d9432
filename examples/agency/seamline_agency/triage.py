"""Triage: what a lead or a mail is, by rules that anybody can read. Pure: the same words give the same verdict."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from seamline.events import EmailReceived, LeadReceived
from seamline_agency.stages import CLIENT_STAGES

Bucket = Literal["lead", "client_urgent", "client_routine", "team_or_vendor", "noise"]
Urgency = Literal["low", "normal", "high", "urgent"]

#: Words of those who want to sell to us.
_SELLING = re.compile(r"\b(backlinks?|guest posts?|seo services|link building|outsourcing partner)\b", re.IGNORECASE)
#: Words of those who cannot wait.
_PRESSING = re.compile(r"\b(asap|urgent(ly)?|immediately|right away|today|emergency)\b", re.IGNORECASE)
#: Words of a client who is not happy.
_UPSET = re.compile(r"\b(complain\w*|unacceptable|cancel\w*|refund|wrong invoice|disappointed)\b", re.IGNORECASE)

#: Stages in which somebody is known to us: their mail is never noise.
_KNOWN = ("inquiry", "proposal", *CLIENT_STAGES, "exit")
#: Channels on which somebody waits at the other end.
_LIVE = ("call", "chat")


@dataclass(frozen=True)
class Verdict:
    """What something is, how urgent it is, and whether it wants an answer; ``reason`` is for the human who decides."""

    bucket: Bucket
    urgency: Urgency
    warranted: bool
    reason: str


def judge_lead(lead: LeadReceived, stage: str | None) -> Verdict:
    """Judge a lead of an account that is in ``stage``."""
    text = _text([lead.text, *(str(value) for value in lead.fields.values())])
    if found := _SELLING.search(text):
        return Verdict("team_or_vendor", "low", False, f"wants to sell to us: {found[0].lower()!r}")
    pressing = _PRESSING.search(text)
    urgency: Urgency = "urgent" if pressing else "high" if lead.channel in _LIVE else "normal"
    if stage in CLIENT_STAGES:
        return Verdict("client_routine", urgency, True, f"a client ({stage}) asks through {_channel(lead)}")
    reach = [word for word, value in (("e-mail", lead.party.email), ("phone", lead.party.phone)) if value]
    left = f"left {' and '.join(reach)}" if reach else "left no address that we could read: look at the provider"
    hurry = f"; in a hurry: {pressing[0].lower()!r}" if pressing else ""
    return Verdict("lead", urgency, True, f"asks through {_channel(lead)} and {left}{hurry}")


def judge_email(mail: EmailReceived, stage: str | None) -> Verdict:
    """Judge mail to an account that is in ``stage``. Mail of somebody known is never noise."""
    text = _text([mail.subject, mail.text])
    if stage in _KNOWN:
        found = _UPSET.search(text) or _PRESSING.search(text)
        if found and mail.auto == "none":
            return Verdict("client_urgent", "urgent", True, f"known ({stage}) and pressing: {found[0].lower()!r}")
        return Verdict("client_routine", "normal", mail.auto == "none", f"known to us ({stage}), nothing pressing")
    if mail.auto != "none":
        return Verdict("noise", "low", False, f"nobody wrote this: {mail.auto.replace('_', ' ')}")
    if found := _SELLING.search(text):
        return Verdict("team_or_vendor", "low", False, f"wants to sell to us: {found[0].lower()!r}")
    return Verdict("lead", "high" if _PRESSING.search(text) else "normal", True, "somebody new writes to us")


def _text(parts: Iterable[str | None]) -> str:
    return "\n".join(part for part in parts if part)


def _channel(lead: LeadReceived) -> str:
    words = {"ad_form": "an ad form", "form": "a form", "email": "mail", "booking": "a booking"}
    channel = words.get(lead.channel, f"a {lead.channel}")
    return f"{channel} on {lead.platform}" if lead.platform else channel
