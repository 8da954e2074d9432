"""Story 1. A lead comes by an ad: Pepper alone sees it first, and a human answers."""

from __future__ import annotations

from seamline_agency.demo import requests
from seamline_agency.demo.cast import DANA
from seamline_agency.demo.outcome import Evidence, Expected, Judgement, counted, equal
from seamline_agency.demo.scene import Scene
from seamline_agency.demo.story import Story


def _play(scene: Scene) -> None:
    leads = scene.world.company.source_secrets("leads")
    scene.challenge("leads", "somebody asks who we are, with a guessed token", requests.hello("guess"), genuine=False)
    scene.challenge("leads", "Meta asks who we are", requests.hello(leads["verify_token"][0]), genuine=True)
    scene.at(scene.world.clock.next(0, 9), "Monday morning")
    scene.world.books.fill_in(DANA, scene.now, "More patients for our second practice, urgent")
    lead = requests.lead(DANA, scene.now)
    scene.later(seconds=40)
    scene.forge("leads", "a lead", lead)
    scene.send("leads", "a lead form of somebody unknown, told twice", lead, times=2)
    scene.later(minutes=20)
    scene.send("mail", "Anna's own answer arrived", requests.delivered(DANA, "anna-answer-1", scene.now))


def _triaged(e: Evidence) -> Judgement:
    data, seats, by = e.only("lead.triaged"), e.seats("lead.triaged"), e.makers("lead.triaged")
    fine = data.get("response_warranted") is True and bool(data.get("reason"))
    return fine and seats == {"dirk", "pulse"} and by == {"pepper"}, f"handed to {sorted(seats)}, made by {by}"


def _human(e: Evidence) -> Judgement:
    tasks = e.tasks(rule="R17", assignee="coo")
    told = [all(word in one["text"] for word in ("Source:", DANA.email, "History:")) for one in tasks]
    return told == [True], f"tasks: {len(tasks)}, complete: {told}"


STORY = Story(
    1,
    "Pepper sees it first",
    DANA,
    _play,
    (
        Expected("A lead that is told twice is one lead.received", counted("lead.received")),
        Expected("Pepper alone is handed the lead", lambda e: equal("seats", e.seats("lead.received"), {"pepper"})),
        Expected("lead.triaged by Pepper, with a reason; only then Dirk and Pulse", _triaged),
        Expected("The COO has the lead with source, contact and history", _human),
    ),
)
