"""Story 7. A client does not answer: silence is heard, and ends only by a human's word."""

from __future__ import annotations

from dataclasses import replace

from seamline_agency.demo import requests
from seamline_agency.demo.cast import ACCOUNT_MANAGER, COO, HUGO
from seamline_agency.demo.given import old_client
from seamline_agency.demo.outcome import Evidence, Expected, Judgement, equal, mailed, noted
from seamline_agency.demo.scene import Scene
from seamline_agency.demo.story import Story

#: Somebody else of the same company.
_PARTNER = replace(HUGO, number=12, name="Flora Ferrant")
_WORDS = """Hello Hugo,

I have not heard from you in a while, and would rather ask than guess. May I call you tomorrow?

Anna Lindgren"""


def _play(scene: Scene) -> None:
    old_client(scene)
    scene.at(scene.world.clock.next(1, 9))
    scene.state(ACCOUNT_MANAGER, "outreach.sent", message_ref="mario-1", channel="mail")
    scene.later(hours=1)
    away = requests.mail(HUGO, scene.now, "Automatic reply", "I am out of office.", automatic=True)
    scene.send("mail", "an out-of-office note", away)
    scene.later(hours=95, why="four days: one attempt alone")
    scene.noted["alone"] = scene.evidence().count("signal.detected")
    scene.state(ACCOUNT_MANAGER, "outreach.sent", message_ref="mario-2", channel="mail")
    scene.later(hours=71, minutes=59)
    scene.noted["early"] = scene.evidence().count("signal.detected")
    scene.later(minutes=2, why="72 hours after the second")
    draft = scene.draft("pulse")
    scene.noted["cites"] = [one["id"] for one in draft["sources"]]
    scene.approve(COO, scene.edit(COO, draft, _WORDS))
    scene.later(hours=20)
    scene.send("relay", "the client's partner calls", requests.call(_PARTNER, scene.now, "answered", duration=240))
    scene.later(hours=100, why="four days later")
    scene.noted["flag"] = [one["state"] for one in scene.evidence().flags("risk")]
    scene.clear(COO, "risk", "talked to both; all is well")


def _signal(e: Evidence) -> Judgement:
    found = [(one["data"]["signal"], one["data"]["level"]) for one in e.view.of_type("signal.detected")]
    return equal("signals", found, [("no_response", "at_risk")])


def _risk(e: Evidence) -> Judgement:
    [*signals], cites = [one["id"] for one in e.view.of_type("signal.detected")], e.noted.get("cites", [])
    fine = e.makers("risk.flagged") == {"pulse"} and bool(signals) and set(signals) <= set(cites)
    return fine, f"flagged by {e.makers('risk.flagged')}, the draft cites {cites}"


def _sent(e: Evidence) -> Judgement:
    by = [one["source"] for one in e.view.of_type("outreach.sent")]
    fine = by == ["/people/mario", "/people/mario", "/people/anna"]
    return fine and [mail.text.strip() for mail in e.mails] == [_WORDS], f"outreach by {by}"


def _cleared(e: Evidence) -> Judgement:
    data = e.only("risk.cleared")
    found = (e.noted.get("flag"), e.count("risk.cleared"), bool(data.get("reason")))
    return equal("flag before, cleared, with a reason", found, (["open"], 1, True))


STORY = Story(
    7,
    "Silence is heard",
    HUGO,
    _play,
    (
        Expected("One attempt alone, with an out-of-office note, is never a signal", noted("alone", 0)),
        Expected("Nor are two before the second has waited for 72 hours", noted("early", 0)),
        Expected("Then signal.detected no_response, once, whatever comes after", _signal),
        Expected("risk.flagged by Pulse, and a draft to the COO that cites it", _risk),
        Expected("The COO rewrote and sent it: outreach.sent, word for word", _sent),
        Expected("A call from the partner ends the silence; the flag stays until a human clears it", _cleared),
        Expected("The customer saw one mail", mailed("How are things going?")),
    ),
)
