"""Story 3. A proposal is read and commented on: the buyer is followed up on at the right moment."""

from __future__ import annotations

from seamline.testing import ABSENT
from seamline_agency.demo import requests
from seamline_agency.demo.cast import PRIYA
from seamline_agency.demo.outcome import Evidence, Expected, Judgement, counted, equal
from seamline_agency.demo.scene import Scene
from seamline_agency.demo.story import Story


def _play(scene: Scene) -> None:
    scene.at(scene.world.clock.next(1, 9), "Tuesday morning")
    sent = scene.now
    scene.later(minutes=30)
    viewed = scene.now
    scene.send("proposals", "viewed; comes before 'sent'", requests.proposal(PRIYA, "viewed", viewed))
    scene.send("proposals", "sent; comes late", requests.proposal(PRIYA, "sent", sent))
    scene.forge("proposals", "viewed", requests.proposal(PRIYA, "viewed", viewed))
    scene.later(minutes=10)
    scene.send("proposals", "a comment", requests.comment(PRIYA, scene.now, "Can we start with one roof?"))
    again = requests.proposal(PRIYA, "viewed", scene.now)
    scene.send("proposals", "viewed again, told twice, after the comment", again, times=2)
    unreadable = requests.proposal(PRIYA, "viewed", scene.now, timestamp=ABSENT)
    scene.send("proposals", "genuine, but without a time or an id", unreadable)


def _views(e: Evidence) -> Judgement:
    return equal("counts", [one["count"] for one in e.flags("proposal-viewed")], [2])


def _comments(e: Evidence) -> Judgement:
    return equal("counts", [one["count"] for one in e.flags("proposal-commented")], [1])


def _aside(e: Evidence) -> Judgement:
    aside = [one["source"] for one in e.view.deliveries.values() if one["state"] == "quarantined"]
    return equal("quarantined", aside, ["proposals"])


STORY = Story(
    3,
    "Not too early, not too late",
    PRIYA,
    _play,
    (
        Expected("Two views, one of them told twice, are one flag that counts two", _views),
        Expected("The comment is a flag of its own", _comments),
        Expected("The comment is a buying signal", counted("buying_signal.detected")),
        Expected("What cannot be read is quarantined, and seen", _aside),
    ),
)
