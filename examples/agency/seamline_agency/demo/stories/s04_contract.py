"""Story 4. A deal is won, and whoever asks for the welcome before the contract is signed is refused."""

from __future__ import annotations

from datetime import timedelta

from seamline_agency.demo import requests
from seamline_agency.demo.cast import COO, ONBOARDING, TOMAS
from seamline_agency.demo.outcome import Evidence, Expected, Judgement, counted, equal, mailed, noted
from seamline_agency.demo.scene import Scene
from seamline_agency.demo.story import Story


def _play(scene: Scene) -> None:
    scene.at(scene.world.clock.next(0, 10))
    won = scene.now
    scene.send("crm", "a change that is no event here", requests.deal(TOMAS, "company_propertyChange.json", won))
    scene.forge("crm", "a deal is won", requests.won(TOMAS, won))
    twins = [requests.deal(TOMAS, file, won) for file in ("twin_classic.json", "twin_generic.json")]
    scene.send("crm", "a deal is won: by two subscriptions, each told twice", *twins, times=2)
    scene.noted["waits"] = [
        (one["seat"], one["reason"], one["awaits"]) for one in scene.seen.handoffs.values() if one["state"] == "parked"
    ]
    scene.order(None, "runs Crystal's project again", f"handoffs/{scene.handoff('deal.won', 'crystal')}/replay")
    asking = f"handoffs/{scene.handoff('project.created', 'crystal')}/replay"
    scene.order(None, "asks for the welcome again", asking)
    parked = {"type": "project.created", "seat": "crystal", "state": "parked", "account": scene.account}
    scene.order(None, "replays whatever is parked", "replays", {"what": "handoffs", "filters": parked})
    signed = {"contract_id": "zap-contract-1"}
    told = requests.relayed(TOMAS, "contract.signed", scene.now, signed)
    scene.send("relay", "says that the contract is signed: a word that opens no gate", told)
    booked = requests.booking(TOMAS, scene.now, scene.now + timedelta(days=2))
    scene.forge("calendar", "a kickoff", booked)
    scene.later(hours=1)
    scene.send("calendar", "the kickoff, told late and twice", booked, times=2)
    scene.at(won + timedelta(days=1))
    text = "We sign this morning. What comes next?"
    mail = requests.mail(TOMAS, scene.now, "Re: the contract", text)
    scene.forge("mail", "mail", mail)
    scene.send("mail", "a mail of the customer, told twice", mail, times=2)
    scene.later(minutes=10)
    signed_late = requests.proposal(TOMAS, "signed", scene.now)
    scene.forge("proposals", "signed", signed_late)
    scene.send("proposals", "signed, a day late, told twice", signed_late, times=2)
    scene.order(None, "asks for the welcome once more", asking)
    scene.noted["before"] = len(scene.evidence().mails)
    scene.later(minutes=30)
    scene.reject(COO, scene.draft("pepper"), "the welcome answers it")
    scene.approve(ONBOARDING, scene.draft("crystal"), confirm=["missing"])


def _refused(e: Evidence) -> Judgement:
    # The worker, an order through the API, a replay, and a word that does not count.
    return equal("refusals", e.refusals(), [("R4", "NO_CONTRACT")] * 4)


def _started(e: Evidence) -> Judgement:
    signed, started = e.sequence("contract.signed", "signed"), e.sequence("onboarding.started")
    contract = e.only("onboarding.started").get("contract_id")
    fine = 0 < signed < started and contract == str(TOMAS.proposal)
    return fine, f"contract at {signed}, start at {started} on {contract}"


def _project(e: Evidence) -> Judgement:
    data = e.only("project.created")
    return bool(data.get("kickoff_milestone_id")), f"projects: {e.count('project.created')}"


def _mail(e: Evidence) -> Judgement:
    return equal("mails, outcomes", (e.count("email.received"), e.count("email.triaged")), (1, 1))


STORY = Story(
    4,
    "No onboarding before the contract",
    TOMAS,
    _play,
    (
        Expected("A deal that is told four times is won once", counted("deal.won")),
        Expected("It has one project, with a kickoff milestone, whatever is replayed", _project),
        Expected(
            "Its onboarding was parked, visible as waiting for contract",
            noted("waits", [("crystal", "waiting for contract", "contract.signed")]),
        ),
        Expected("Whoever asked for it was refused: worker, order, replay, and a word that does not count", _refused),
        Expected("Onboarding started once, after the contract was signed", _started),
        Expected(
            "The onboarding team has one welcome to write",
            lambda e: equal("tasks", len(e.tasks(assignee="onboarding_team")), 1),
        ),
        Expected("A kickoff that is told twice is booked once", counted("kickoff.booked")),
        Expected("A mail that is told twice is one mail, with one outcome", _mail),
        Expected("The customer saw nothing until then", noted("before", 0)),
        Expected("And one welcome after it, approved by a human", mailed("Welcome, Linden Veterinary")),
    ),
)
