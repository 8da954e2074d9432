"""Story 3. A proposal is read and commented on: the buyer is followed up on at the right moment."""

from __future__ import annotations

from datetime import timedelta

from seamline.testing import ABSENT
from seamline_agency.demo import requests
from seamline_agency.demo.cast import ACCOUNT_MANAGER, PRIYA
from seamline_agency.demo.outcome import Evidence, Expected, Judgement, counted, equal, noted
from seamline_agency.demo.scene import Scene
from seamline_agency.demo.story import Story

#: Another proposal to the same customer, which nobody follows up.
_OTHER = 999_001


def _play(scene: Scene) -> None:
    scene.at(scene.world.clock.next(1, 8))
    scene.send("crm", "a deal is created", requests.deal(PRIYA, "deal_creation.json", scene.now))
    scene.at(scene.world.clock.next(1, 9))
    scene.send("proposals", "sent", requests.proposal(PRIYA, "sent", scene.now))
    scene.later(minutes=30)
    viewed = scene.now
    scene.forge("proposals", "viewed", requests.proposal(PRIYA, "viewed", viewed))
    scene.send("proposals", "viewed", requests.proposal(PRIYA, "viewed", viewed))
    scene.later(minutes=10)
    again = requests.proposal(PRIYA, "viewed", scene.now)
    scene.later(minutes=5)
    scene.send("proposals", "a comment", requests.comment(PRIYA, scene.now, "Can we start with one roof?"))
    scene.send("proposals", "viewed again, told late and twice", again, times=2)
    unreadable = requests.proposal(PRIYA, "viewed", scene.now, timestamp=ABSENT)
    scene.send("proposals", "genuine, but without a time or an id", unreadable)
    scene.at(viewed + timedelta(hours=1))
    scene.approve(ACCOUNT_MANAGER, scene.draft("dirk"))
    scene.noted["waits"] = len(scene.evidence().mails)
    scene.at(viewed + timedelta(hours=4), "four hours after the first look")
    scene.later(seconds=1)
    scene.noted["left"] = [mail.at for mail in scene.evidence().mails]
    scene.noted["window"] = viewed + timedelta(hours=4)
    _missed(scene)


def _missed(scene: Scene) -> None:
    """The same again, and nobody acts."""
    other = {"data.proposal.id": _OTHER}
    scene.at(scene.world.clock.next(2, 9))
    scene.send("proposals", "another proposal is sent", requests.proposal(PRIYA, "sent", scene.now, **other))
    scene.later(minutes=10)
    scene.send("proposals", "and viewed; nobody acts", requests.proposal(PRIYA, "viewed", scene.now, **other))
    scene.later(hours=48, seconds=1, why="48 hours later")


def _stage(e: Evidence) -> Judgement:
    moves = [(one["data"]["from_stage"], one["data"]["to_stage"]) for one in e.view.of_type("stage.changed")]
    actors = [one["data"].get("actor") for one in e.view.of_type("stage.changed")]
    return equal("moves", (moves, actors), ([("inquiry", "proposal")], ["/seats/dirk"]))


def _views(e: Evidence) -> Judgement:
    found = sorted(one["count"] for one in e.flags("proposal-viewed") if one["key"] == str(PRIYA.proposal))
    return equal("counts", found, [2])


def _comments(e: Evidence) -> Judgement:
    return equal("counts", [one["count"] for one in e.flags("proposal-commented")], [1])


def _aside(e: Evidence) -> Judgement:
    aside = [one["source"] for one in e.view.deliveries.values() if one["state"] == "quarantined"]
    return equal("quarantined", aside, ["proposals"])


def _left(e: Evidence) -> Judgement:
    left, window = e.noted.get("left", []), e.noted.get("window")
    fine = window is not None and [at - window < timedelta(minutes=1) for at in left if at >= window] == [True]
    due = [one["data"]["proposal_id"] for one in e.view.of_type("followup.due")]
    return fine and str(PRIYA.proposal) in due, f"left at {left}, window from {window}, due {due}"


def _missing(e: Evidence) -> Judgement:
    found = [one["data"]["proposal_id"] for one in e.view.of_type("followup.missed")]
    return equal("missed", (found, len(e.flags("followup-missed"))), ([str(_OTHER)], 1))


STORY = Story(
    3,
    "Not too early, not too late",
    PRIYA,
    _play,
    (
        Expected("Dirk moved the stage from inquiry to proposal, once", _stage),
        Expected("Two views, one of them told twice, are one flag that counts two", _views),
        Expected("The comment is a flag of its own", _comments),
        Expected("The comment is a buying signal", counted("buying_signal.detected")),
        Expected("What cannot be read is quarantined, and seen", _aside),
        Expected("A follow-up approved one hour after the first look waits", noted("waits", 0)),
        Expected("It leaves four hours after the first look: followup.due, draft.dispatched", _left),
        Expected("Where nobody acts for 48 hours it is followup.missed, and flagged", _missing),
        Expected("The customer saw one follow-up", lambda e: equal("mails", len(e.mails), 1)),
    ),
)
