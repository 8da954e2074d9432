"""What providers send about a customer: the adapters' own samples, told of this customer and this time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from seamline import Ref
from seamline.testing import Sample
from seamline_agency.demo.cast import MAIL, ONBOARDING, PORTAL, SLACK, WORKSPACE, Customer

_FORM = "application/x-www-form-urlencoded"


def hello(token: str) -> Sample:
    """Meta asks who we are."""
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": token}
    return Sample(None, method="GET", query=query, challenged=True)


def lead(of: Customer, at: datetime) -> Sample:
    """Meta tells that a form was filled in; what stands in it is in its books."""
    change = {"created_time": _unix(at), "leadgen_id": of.lead}
    patch: dict[str, Any] = {f"entry.0.changes.0.value.{name}": value for name, value in change.items()}
    return Sample("leadgen_single.json", patch={"entry.0.time": _unix(at), **patch})


def proposal(of: Customer, event: str, at: datetime, **more: Any) -> Sample:
    """Proposify tells of a proposal: sent, viewed, commented, signed."""
    first, _, last = of.name.partition(" ")
    patch = {
        "event": f"proposal.{event}",
        "timestamp": at.isoformat(timespec="seconds"),
        "data.proposal.id": of.proposal,
        "data.proposal.name": f"{of.company} - growth",
        "data.client.id": 789 + of.number,
        "data.client.name": of.company,
        "data.client.contact": {"first_name": first, "last_name": last, "email": of.email},
    }
    return Sample("proposal_viewed_PLACEHOLDER.json", patch=patch | more)


def comment(of: Customer, at: datetime, text: str) -> Sample:
    """Proposify tells of a comment on a proposal."""
    said = {"id": f"comment-{_unix(at)}", "body": text, "author": of.email}
    return proposal(of, "commented", at, **{"data.comment": said})


def deal(of: Customer, file: str, at: datetime) -> Sample:
    """HubSpot tells of a deal, in the words of one of its subscriptions."""
    number = _unix(at) % 100_000 * 100 + of.number
    patch = {"0.occurredAt": _unix(at) * 1000, "0.portalId": PORTAL, "0.objectId": of.deal, "0.eventId": number}
    return Sample(file, patch=patch)


def won(of: Customer, at: datetime) -> Sample:
    return deal(of, "twin_classic.json", at)


def booking(of: Customer, booked: datetime, starts: datetime, title: str = "Kickoff call") -> Sample:
    """Calendly tells of a booking."""
    event = f"https://api.calendly.com/scheduled_events/EVT{of.number}"
    made, invitee = _iso(booked), {"name": of.name, "email": of.email, "uri": f"{event}/invitees/INV{of.number}"}
    about = {
        "uri": event,
        "name": title,
        "created_at": made,
        "start_time": _iso(starts),
        "end_time": _iso(starts + timedelta(minutes=45)),
        "event_memberships": [{"user_email": MAIL[ONBOARDING], "user_name": "Sasha"}],
    }
    patch: dict[str, Any] = {"created_at": made, "payload.created_at": made, "payload.event": event}
    patch |= {f"payload.{name}": value for name, value in invitee.items()}
    patch |= {f"payload.scheduled_event.{name}": value for name, value in about.items()}
    return Sample("invitee.created.json", patch=patch)


def mail(of: Customer, at: datetime, subject: str, text: str, *, answers: str = "", automatic: bool = False) -> Sample:
    """Postmark hands on a mail of the customer. ``answers``: the Message-ID of what it answers."""
    number = f"{of.first.lower()}-{_unix(at)}"
    headers = [{"Name": "Message-ID", "Value": f"<{number}@{of.domain}>"}]
    if answers:
        headers += [{"Name": name, "Value": f"<{answers}>"} for name in ("In-Reply-To", "References")]
    if automatic:
        headers += [{"Name": "Auto-Submitted", "Value": "auto-replied"}, {"Name": "Return-Path", "Value": "<>"}]
    patch = {
        "FromFull": {"Email": of.email, "Name": of.name, "MailboxHash": ""},
        "From": of.email,
        "FromName": of.name,
        "Subject": subject,
        "MessageID": f"6f1d0c9a-5a3b-4b52-9d0e-{_unix(at) % 16**8:08x}{of.number:04x}",
        "Date": at.strftime("%a, %d %b %Y %H:%M:%S +0000"),
        "TextBody": text,
        "Headers": headers,
        "Attachments": [],
    }
    return Sample("inbound.out_of_office.json" if automatic else "inbound.reply.json", patch=patch)


def delivered(of: Customer, message: str, at: datetime) -> Sample:
    """Postmark tells that a mail arrived."""
    patch = {"MessageID": message, "Recipient": of.email, "DeliveredAt": at.isoformat(timespec="seconds")}
    return Sample("delivered.json", patch=patch)


def relayed(
    of: Customer, event_type: str, at: datetime, data: dict[str, Any], part: str = "", refs: Sequence[Ref] = ()
) -> Sample:
    """The company's own relay tells an event. ``refs``: what providers call the customer."""
    party = {"name": of.name, "email": of.email, "company": of.company}
    known = [ref.model_dump(exclude_defaults=True) for ref in refs]
    return Sample(
        "one.json",
        patch={
            "type": event_type,
            "id": f"{event_type}-{of.number}-{_unix(at)}{part}",
            "occurred_at": at.isoformat(timespec="seconds"),
            "party": party | ({"refs": known} if known else {}),
            "data": data,
        },
    )


def call(of: Customer, at: datetime, outcome: str, **more: Any) -> Sample:
    """The company's own relay tells of a call that came in."""
    data = {"call_id": f"call-{of.number}-{_unix(at)}", "direction": "inbound", "outcome": outcome, **more}
    return relayed(of, "call.completed", at, data)


def pressed(who: str, verdict: str, draft: dict[str, Any], at: datetime) -> Sample:
    """Slack tells that somebody pressed a button of a draft's card."""
    stamp = f"{_unix(at)}.000100"
    payload = {
        "type": "block_actions",
        "user": {"id": SLACK[who], "username": who, "name": who, "team_id": WORKSPACE},
        "api_app_id": "A111",
        "trigger_id": f"{_unix(at)}.{draft['id']}.{verdict}",
        "team": {"id": WORKSPACE, "domain": "northwind"},
        "response_url": f"https://hooks.slack.com/actions/{WORKSPACE}/111/random-value",
        "actions": [
            {
                "action_id": verdict,
                "block_id": "decision",
                "type": "button",
                "value": f"{draft['id']}/{draft['sha256']}",
                "action_ts": stamp,
            }
        ],
    }
    return Sample("block_actions.approve.form", content_type=_FORM, patch={"payload": json.dumps(payload)})


def _unix(at: datetime) -> int:
    return int(at.timestamp())


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000000Z")


__all__ = [
    "booking",
    "call",
    "comment",
    "deal",
    "delivered",
    "hello",
    "lead",
    "mail",
    "pressed",
    "proposal",
    "relayed",
    "won",
]
