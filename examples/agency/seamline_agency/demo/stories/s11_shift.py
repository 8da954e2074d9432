"""Story 11. A note for the team before its shift: word for word when it was read, and never late."""

from __future__ import annotations

from datetime import timedelta

from seamline_agency.demo import requests
from seamline_agency.demo.cast import CALL_CENTER, COO, NADIA
from seamline_agency.demo.outcome import Evidence, Expected, Judgement, counted, equal
from seamline_agency.demo.scene import Scene
from seamline_agency.demo.story import Story


def _play(scene: Scene) -> None:
    clock = scene.world.clock
    scene.at(clock.next(0, 15))
    _calls(scene)
    scene.at(clock.next(1, 6, 1), "Tuesday, before the shift")
    scene.at(clock.next(1, 6, 50))
    note = scene.draft("arin")
    scene.noted["due"] = note["due_at"]
    scene.noted["note"] = note["body"]
    scene.send("chat", "Anna presses Approve", requests.pressed(COO, "approve", note, scene.now))
    scene.at(clock.next(1, 15))
    _calls(scene)
    scene.world.providers.down["slack.com"] = 3_600
    scene.at(clock.next(2, 6, 1), "Wednesday; Slack is away")
    scene.at(clock.next(2, 7, 1))
    scene.at(clock.next(2, 8, 1), "the shift has begun, and nobody has approved")
    scene.at(clock.next(3, 7, 1), "Thursday, seven o'clock")
    scene.world.providers.down.clear()


def _calls(scene: Scene) -> None:
    at = scene.now
    told = [
        requests.call(NADIA, at - timedelta(minutes=minutes), outcome, duration=duration)
        for minutes, outcome, duration in ((50, "answered", 180), (40, "missed", 0), (30, "answered", 12))
    ]
    scene.send("relay", "three calls, one of them missed", *told)


def _posted(e: Evidence) -> Judgement:
    posts = [(post.to, post.text) for post in e.posts]
    return equal("posts", posts, [(CALL_CENTER, e.noted.get("note"))])


def _expired(e: Evidence) -> Judgement:
    states = [one["state"] for one in e.drafts("arin")]
    return equal("notes, lapsed", (sorted(states), e.count("approval.expired")), (["expired", "sent"], 1))


def _briefing(e: Evidence) -> Judgement:
    told = [one["data"] for one in e.view.of_type("briefing.issued")]
    last = told[-1] if told else {}
    warned = any("approval.expired" in line for line in last.get("sections", {}).get("warnings", ()))
    fine = warned and "chat" in last.get("stale_sources", ())
    return fine, f"{len(told)} briefings, the last {last}"


STORY = Story(
    11,
    "Before the shift",
    None,
    _play,
    (
        Expected("Approved on Slack, the note is posted once: coaching.posted", counted("coaching.posted")),
        Expected("Word for word, to the call center", _posted),
        Expected("Not approved by the start of the shift it lapses: approval.expired, never sent", _expired),
        Expected("Radar's briefing tells of it, though Slack was away, which it marks stale", _briefing),
    ),
)
