"""Story 5. Forty-eight hours from the won deal to a booked kickoff, counted through the death of a worker."""

from __future__ import annotations

from datetime import timedelta

from seamline_agency.demo import requests
from seamline_agency.demo.cast import WREN
from seamline_agency.demo.outcome import Evidence, Expected, Judgement, counted, equal, mailed, noted
from seamline_agency.demo.scene import Scene
from seamline_agency.demo.story import Story


def _play(scene: Scene) -> None:
    won = scene.world.clock.next(0, 10)
    scene.at(won)
    scene.send("crm", "a deal is won", requests.won(WREN, won))
    booked = requests.booking(WREN, won + timedelta(hours=26), won + timedelta(days=4))
    scene.at(won + timedelta(hours=47, minutes=30))
    scene.kill_worker()
    scene.at(won + timedelta(hours=47, minutes=59, seconds=59), "10:00 less a second", still=True)
    scene.noted["early"] = scene.evidence().count("kickoff.overdue")
    scene.later(seconds=2, why="10:00 and a second")
    flags = scene.evidence().flags("kickoff-overdue")
    scene.noted["flagged"] = [(one["seat"], one["state"]) for one in flags]
    scene.later(hours=2)
    scene.send("calendar", "a booking that was made on Tuesday, told late", booked)


def _overdue(e: Evidence) -> Judgement:
    data = e.only("kickoff.overdue")
    return equal("waits for", data.get("waiting_for"), "contract")


def _resolved(e: Evidence) -> Judgement:
    states = [one["state"] for one in e.flags("kickoff-overdue")]
    kept = [e.count(kind) for kind in ("kickoff.overdue", "meeting.booked", "kickoff.booked")]
    return equal("flags, record", (states, kept), (["cleared"], [1, 1, 1]))


STORY = Story(
    5,
    "48 hours",
    WREN,
    _play,
    (
        Expected("At 47:59:59 nothing is overdue", noted("early", 0)),
        Expected(
            "At 48:00:01 it is, once, though the worker was killed half an hour before", counted("kickoff.overdue")
        ),
        Expected("It says what it waits for", _overdue),
        Expected("One flag by Crystal", noted("flagged", [("crystal", "open")])),
        Expected("The booking that was in time resolves the flag; the record keeps both", _resolved),
        Expected("The customer saw nothing of it", mailed()),
    ),
)
