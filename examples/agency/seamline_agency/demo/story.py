"""The story: one customer from her first question to her welcome, told by five providers and a relay.

Times are real ones of the last days, because facts that are older than a source's ``live_from`` would be history.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from rich.console import Console

from seamline.testing import ABSENT, Sample
from seamline_agency.demo import cast
from seamline_agency.demo.scene import Scene
from seamline_agency.demo.table import Story


def play_stories(scene: Scene, console: Console, now: datetime) -> None:
    """Play the three stories, one table each."""
    acts = (
        ("1. Pepper sees it first", _lead),
        ("3. Not too early, not too late", _proposal),
        ("4. No onboarding before the contract", _onboarding),
    )
    for title, act in acts:
        with Story(console, title) as story:
            scene.begin(story)
            act(scene, now)


def lead_at(now: datetime) -> datetime:
    """When the customer filled in the form."""
    return now - timedelta(days=4)


def _lead(scene: Scene, now: datetime) -> None:
    sample = Sample(
        "leadgen_single.json",
        patch={
            "entry.0.time": _unix(lead_at(now)),
            "entry.0.changes.0.value.created_time": _unix(lead_at(now)),
            "entry.0.changes.0.value.leadgen_id": cast.LEAD,
        },
    )
    token = scene.secret("leads", "verify_token")
    scene.challenge("leads", "somebody asks who we are, with a guessed token", _hello("guess"), genuine=False)
    scene.challenge("leads", "Meta asks who we are", _hello(token), genuine=True)
    scene.forge("leads", "a lead", sample)
    scene.send("leads", "a lead form of somebody unknown, told twice", sample, times=2)
    scene.send("mail", "Robin's own answer arrived", _delivered("robin-answer-1", now - timedelta(days=3, hours=20)))


def _hello(token: str) -> Sample:
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": token}
    return Sample(None, method="GET", query=query, challenged=True)


def _proposal(scene: Scene, now: datetime) -> None:
    sent, viewed = now - timedelta(days=3), now - timedelta(days=2, hours=23)
    again = now - timedelta(days=2)
    scene.send("proposals", "viewed; comes before 'sent'", _proposify("viewed", viewed))
    scene.send("proposals", "sent; comes late", _proposify("sent", sent))
    scene.forge("proposals", "viewed", _proposify("viewed", now))
    comment = {"data.comment": {"id": "comment-1", "body": "Can we start with one practice?", "author": cast.EMAIL}}
    scene.send("proposals", "a comment", _proposify("commented", again + timedelta(minutes=5), comment))
    scene.send("proposals", "viewed again, told twice, after the comment", _proposify("viewed", again), times=2)
    unreadable = _proposify("viewed", again, {"timestamp": ABSENT})
    scene.send("proposals", "genuine, but without a time or an id", unreadable)


def _proposify(event: str, at: datetime, more: dict[str, Any] | None = None) -> Sample:
    first, _, last = cast.NAME.partition(" ")
    patch = {
        "event": f"proposal.{event}",
        "timestamp": at.isoformat(timespec="seconds"),
        "data.proposal.id": cast.PROPOSAL,
        "data.proposal.name": f"{cast.COMPANY} - patient growth",
        "data.client.name": cast.COMPANY,
        "data.client.contact": {"first_name": first, "last_name": last, "email": cast.EMAIL},
    }
    return Sample("proposal_viewed_PLACEHOLDER.json", patch={**patch, **(more or {})})


def _onboarding(scene: Scene, now: datetime) -> None:
    won = now - timedelta(days=1)
    scene.send("crm", "a change that is no event here", _hubspot("company_propertyChange.json", won))
    scene.forge("crm", "a deal is won", _hubspot("twin_classic.json", now))
    scene.send(
        "crm",
        "a deal is won: by two subscriptions, each told twice",
        _hubspot("twin_classic.json", won),
        _hubspot("twin_generic.json", won),
        times=2,
    )
    scene.note_parked()
    scene.order("run Crystal's project again", f"handoffs/{scene.handoff('deal.won', 'crystal')}/replay")
    scene.order("ask for the welcome again", f"handoffs/{scene.handoff('project.created', 'crystal')}/replay")
    parked = {"type": "project.created", "seat": "crystal", "state": "parked"}
    scene.order("replay whatever is parked", "replays", {"what": "handoffs", "filters": parked})
    scene.send("relay", "says that the contract is signed: a word that opens no gate", _relayed(now))
    booked = _calendly(now - timedelta(hours=20), now + timedelta(days=2))
    scene.forge("calendar", "a kickoff", booked)
    scene.send("calendar", "the kickoff, booked yesterday and told late, twice", booked, times=2)
    scene.forge("mail", "mail", _inbound(now))
    scene.send("mail", "a mail of the customer, told twice", _inbound(now - timedelta(minutes=5)), times=2)
    signed = _proposify("signed", now - timedelta(minutes=1))
    scene.forge("proposals", "signed", signed)
    scene.send("proposals", "signed, a day late, told twice", signed, times=2)
    scene.order("ask for the welcome once more", f"handoffs/{scene.handoff('project.created', 'crystal')}/replay")
    scene.send("mail", "Sasha's own welcome arrived", _delivered("sasha-welcome-1", now))


def _hubspot(file: str, at: datetime) -> Sample:
    return Sample(file, patch={"0.occurredAt": _unix(at) * 1000, "0.portalId": cast.PORTAL})


def _relayed(now: datetime) -> Sample:
    return Sample(
        "one.json",
        patch={
            "type": "contract.signed",
            "id": "zap-1",
            "occurred_at": (now - timedelta(hours=2)).isoformat(timespec="seconds"),
            "party": {"email": cast.EMAIL},
            "data": {"contract_id": "zap-contract-1"},
        },
    )


def _calendly(created: datetime, starts: datetime) -> Sample:
    invitee = {"name": cast.NAME, "email": cast.EMAIL, "created_at": _iso(created)}
    event = {
        "name": "Kickoff call",
        "start_time": _iso(starts),
        "end_time": _iso(starts + timedelta(minutes=45)),
        "event_memberships": [{"user_email": cast.ONBOARDING, "user_name": "Sasha"}],
    }
    patch: dict[str, Any] = {"created_at": _iso(created)}
    patch |= {f"payload.{name}": value for name, value in invitee.items()}
    patch |= {f"payload.scheduled_event.{name}": value for name, value in event.items()}
    return Sample("invitee.created.json", patch=patch)


def _inbound(at: datetime) -> Sample:
    sender = {"Email": cast.EMAIL, "Name": cast.NAME, "MailboxHash": ""}
    date = at.strftime("%a, %d %b %Y %H:%M:%S +0000")
    return Sample(
        "inbound.reply.json",
        patch={
            "FromFull": sender,
            "From": cast.EMAIL,
            "FromName": cast.NAME,
            "Subject": "Re: the contract",
            "MessageID": "6f1d0c9a-5a3b-4b52-9d0e-2f8a3c1b7e44",
            "Date": date,
            "TextBody": "We sign this morning. What comes next?",
            "Headers": [{"Name": "Message-ID", "Value": "<dana-1@harborlane.example.com>"}],
            "Attachments": [],
        },
    )


def _delivered(message: str, at: datetime) -> Sample:
    return Sample(
        "delivered.json",
        patch={"MessageID": message, "Recipient": cast.EMAIL, "DeliveredAt": at.isoformat(timespec="seconds")},
    )


def _unix(at: datetime) -> int:
    return int(at.timestamp())


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
