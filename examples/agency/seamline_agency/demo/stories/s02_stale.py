"""Story 2. While a draft waits the customer writes again: what no longer fits is not sent."""

from __future__ import annotations

from seamline_agency.demo import requests
from seamline_agency.demo.cast import COO, ELIO
from seamline_agency.demo.outcome import Evidence, Expected, Judgement, counted, equal, mailed
from seamline_agency.demo.scene import Scene
from seamline_agency.demo.story import Story

_SUBJECT = "Marchand Physio and us: your question"
_ANSWER = """Hello Elio,

two locations, then. We plan both from the start; I call you tomorrow at nine.

Anna Lindgren"""


def _play(scene: Scene) -> None:
    scene.at(scene.world.clock.next(0, 11))
    scene.world.books.fill_in(ELIO, scene.now, "A campaign for our practice")
    scene.send("leads", "a lead form of somebody unknown", requests.lead(ELIO, scene.now))
    scene.later(minutes=10)
    mail = requests.mail(ELIO, scene.now, "My enquiry", "Forget that, we need it for two locations.")
    scene.send("mail", "the same person writes: forget that, we need it for two locations", mail)
    scene.later(minutes=5)
    draft = scene.draft("pepper")
    told = scene.approve(COO, draft)
    back = scene.draft("pepper")
    news = [one for section in back["packet"].values() if isinstance(section, list) for one in section]
    scene.noted["refused"] = (told.status, told.code)
    scene.noted["back"] = (
        back["id"] == draft["id"],
        back["state"],
        any(isinstance(n, dict) and n["new"] for n in news),
    )
    scene.approve(COO, scene.edit(COO, back, _ANSWER))


def _refused(e: Evidence) -> Judgement:
    found = (e.noted.get("refused"), e.refusals())
    return equal("refused", found, ((409, "STALE_CONTEXT"), [("R2", "STALE_CONTEXT")]))


def _back(e: Evidence) -> Judgement:
    return equal("same draft, its state, the new mail beside it", e.noted.get("back"), (True, "pending", True))


STORY = Story(
    2,
    "The reply that no longer fits",
    ELIO,
    _play,
    (
        Expected("The mail is one more message of the same person", counted("email.received")),
        Expected("The draft that did not know it is refused: STALE_CONTEXT", _refused),
        Expected("It is back in the queue, with the new mail beside it", _back),
        Expected("One response.sent", counted("response.sent")),
        Expected("The customer saw one reply, to both", mailed(_SUBJECT)),
    ),
)
