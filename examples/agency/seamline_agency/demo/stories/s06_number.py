"""Story 6. A figure that was briefed turns out wrong before the call, and a summary cannot say the old one."""

from __future__ import annotations

from datetime import timedelta

from seamline_agency.demo import requests
from seamline_agency.demo.cast import ACCOUNT_MANAGER, INES
from seamline_agency.demo.given import figures, old_client, yesterday
from seamline_agency.demo.outcome import Evidence, Expected, Judgement, counted, equal, mailed, noted
from seamline_agency.demo.scene import Scene
from seamline_agency.demo.story import Story

_WRONG = """Hello Ines,

thank you for the call. Yesterday brought 42 leads.

Mario Teles"""
_RIGHT = _WRONG.replace("42", "31")


def _play(scene: Scene) -> None:
    old_client(scene)
    scene.at(scene.world.clock.next(3, 8))
    call = scene.now + timedelta(hours=6)
    day = yesterday(scene.now)
    scene.send("calendar", "a call at 14:00 is booked", requests.booking(INES, scene.now, call, "Monthly call"))
    scene.send("relay", "Meta's figures of yesterday: 42 leads", figures(INES, day, scene.now, 42))
    scene.at(call - timedelta(hours=2) + timedelta(seconds=1), "two hours before the call")
    scene.noted["briefed"] = [one["data"]["figures"] for one in scene.evidence().view.of_type("brief.issued")]
    scene.later(minutes=30)
    scene.send("relay", "Meta revises them: 31 leads", figures(INES, day, scene.now, 31))
    scene.noted["told"] = [one["assignee"] for one in scene.evidence().tasks(rule="R39")]
    scene.at(call + timedelta(minutes=45))
    stated = [{"metric": "leads", "value": 31, "period": {"start": str(day), "end": str(day), "tz": "America/Chicago"}}]
    scene.state(ACCOUNT_MANAGER, "call.noted", call_id="call-14", text="31 leads yesterday", stated_figures=stated)
    draft = scene.edit(ACCOUNT_MANAGER, scene.draft("dash"), _WRONG)
    first = scene.approve(ACCOUNT_MANAGER, draft)
    second = scene.approve(ACCOUNT_MANAGER, draft, picks={"leads": 31})
    scene.noted["refused"] = [told.code for told in (first, second)]
    scene.approve(ACCOUNT_MANAGER, scene.edit(ACCOUNT_MANAGER, draft, _RIGHT), picks={"leads": 31})


def _briefed(e: Evidence) -> Judgement:
    found = [one["value"] for brief in e.noted.get("briefed", []) for one in brief if one["metric"] == "leads"]
    return equal("briefed", found, [42])


def _corrected(e: Evidence) -> Judgement:
    found = [one["data"]["deltas"].get("leads") for one in e.view.of_type("metrics.corrected")]
    return equal("corrected, told", (found, len(e.noted.get("told", []))), ([-11], 1))


STORY = Story(
    6,
    "The wrong number",
    INES,
    _play,
    (
        Expected("Whoever makes the call has Dash's 42 leads before it: brief.issued", _briefed),
        Expected("Meta's 31 is metrics.corrected, and they are told before the call", _corrected),
        Expected(
            "A summary that says 42 where the call said 31 is refused, until a human picks",
            noted("refused", ["CONFLICT"] * 2),
        ),
        Expected("summary.sent, once", counted("summary.sent")),
        Expected("The customer saw one summary", mailed("Our call: Calloway Solar")),
    ),
)
