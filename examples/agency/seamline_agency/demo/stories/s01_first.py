"""Story 1. A lead comes by an ad: Pepper alone sees it first, and a human answers."""

from __future__ import annotations

from seamline_agency.demo import requests
from seamline_agency.demo.cast import AGENT, COO, DANA
from seamline_agency.demo.outcome import Evidence, Expected, Judgement, counted, equal, mailed, noted
from seamline_agency.demo.scene import Scene
from seamline_agency.demo.story import Story

_SUBJECT = "Harbor Lane Dental and us: your question"
_ANSWER = """Hello Dana,

your second practice sounds like a good reason to talk. I have Thursday at ten; does that suit you?

Anna Lindgren"""


def _play(scene: Scene) -> None:
    leads = scene.world.company.source_secrets("leads")
    scene.challenge("leads", "somebody asks who we are, with a guessed token", requests.hello("guess"), genuine=False)
    scene.challenge("leads", "Meta asks who we are", requests.hello(leads["verify_token"][0]), genuine=True)
    scene.at(scene.world.clock.next(0, 9))
    scene.world.books.fill_in(DANA, scene.now, "More patients for our second practice, urgent")
    lead = requests.lead(DANA, scene.now)
    scene.later(seconds=40)
    scene.forge("leads", "a lead", lead)
    scene.send("leads", "a lead form of somebody unknown, told twice", lead, times=2)
    scene.later(minutes=4, why="five past nine: Anna looks at her queue")
    draft = scene.draft("pepper")
    scene.noted["shown"] = sorted(name for name in ("due_at", "tone", "packet", "sources") if draft[name])
    scene.noted["agent"] = scene.approve(AGENT, draft).status
    scene.approve(COO, scene.edit(COO, draft, _ANSWER))
    scene.later(minutes=20)
    sent = next(iter(scene.evidence().view.of_type("response.sent")), None)
    number = sent["data"]["message_ref"] if sent else "none"
    scene.send("mail", "the answer arrived", requests.delivered(DANA, number, scene.now))


def _triaged(e: Evidence) -> Judgement:
    data, seats, by = e.only("lead.triaged"), e.seats("lead.triaged"), e.makers("lead.triaged")
    fine = data.get("response_warranted") is True and bool(data.get("reason"))
    return fine and seats == {"dirk", "pulse"} and by == {"pepper"}, f"handed to {sorted(seats)}, made by {by}"


def _human(e: Evidence) -> Judgement:
    tasks = e.tasks(rule="R17", assignee="coo")
    told = [all(word in one["text"] for word in ("Source:", DANA.email, "History:")) for one in tasks]
    return told == [True], f"tasks: {len(tasks)}, complete: {told}"


def _decided(e: Evidence) -> Judgement:
    data = e.only("approval.decided")
    return equal("decided", (data.get("decision"), data.get("by"), data.get("edited")), ("approve", COO, True))


def _answered(e: Evidence) -> Judgement:
    by, words = e.makers("response.sent"), [(mail.by, mail.text) for mail in e.mails]
    fine = by == {COO} and len(words) == 1 and "Anna Lindgren" in words[0][0] and words[0][1].strip() == _ANSWER
    return fine, f"response.sent by {by}, mails {words}"


def _agent(e: Evidence) -> Judgement:
    return equal("refusals", (e.noted.get("agent"), e.refusals()), (403, [("R71", "AGENT_MAY_NOT_SEND")]))


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
        Expected(
            "And a draft, with its due time, its tone and what it rests on",
            noted("shown", ["due_at", "packet", "sources", "tone"]),
        ),
        Expected("The COO wrote it anew and approved that: approval.decided (edited)", _decided),
        Expected("response.sent by a human, in that human's name, word for word", _answered),
        Expected("Pepper's own attempt to send is refused: AGENT_MAY_NOT_SEND", _agent),
        Expected("The customer saw one mail", mailed(_SUBJECT)),
    ),
)
