"""Story 8. An offer is approved and about to leave; then figures turn, and Pulse wins."""

from __future__ import annotations

from datetime import timedelta

from seamline_agency.demo.cast import COO, MABEL
from seamline_agency.demo.given import figures, old_client, yesterday
from seamline_agency.demo.outcome import Evidence, Expected, Judgement, counted, equal, noted
from seamline_agency.demo.scene import Scene
from seamline_agency.demo.story import Story

#: Leads a day: of the weeks before, then week by week.
_STEADY, _RISING = 20, (20, 23, 26, 30)
#: Whose mail server takes nothing for a while; the seconds after which it asks to be asked again, more than the
#: transport waits for while the sending goes on.
_MAIL, _LATER_S = "api.postmarkapp.com", 11


def _play(scene: Scene) -> None:
    old_client(scene, weeks=1)
    monday = scene.world.clock.next(0, 5)
    with scene.given("five weeks of steady figures"):
        scene.at(monday)
        _week(scene, _STEADY, days=35)
    for week, leads in enumerate(_RISING, 1):
        with scene.given(f"a week with {leads} leads a day"):
            scene.at(monday + timedelta(weeks=week))
            _week(scene, leads)
            if leads != _RISING[-1]:
                scene.later(hours=2)
    scene.at(scene.world.clock.next(0, 9), "four weeks of more leads each")
    offer = scene.draft("dirk")
    scene.world.providers.down[_MAIL] = _LATER_S
    scene.approve(COO, offer, confirm=["missing"])
    scene.noted["approved"] = scene.world.api.show(f"drafts/{offer['id']}")["state"]
    dear = figures(MABEL, yesterday(scene.now), scene.now, _RISING[-1], spend=900_000)
    scene.send("relay", "Postmark takes nothing; Meta revises yesterday: a lead costs many times more", dear)
    scene.world.providers.down.clear()
    scene.until(lambda seen: seen.count("expansion.blocked") > 0, "Postmark takes mail again, and is asked again")
    scene.noted["stopped"] = len(scene.evidence().mails)
    again = scene.draft("dirk")
    scene.noted["again"] = scene.approve(COO, again, confirm=["missing"]).code
    scene.clear(COO, "risk", "Meta billed a day twice and took it back")
    scene.noted["last"] = scene.approve(COO, scene.draft("dirk"), confirm=["missing", "conflicts"]).code


def _week(scene: Scene, leads: int, days: int = 7) -> None:
    last = yesterday(scene.now)
    told = [figures(MABEL, last - timedelta(days=back), scene.now, leads) for back in range(days - 1, -1, -1)]
    scene.send("relay", "figures", *told)


def _recommended(e: Evidence) -> Judgement:
    scores = [one["data"]["score"] for one in e.view.of_type("score.updated")]
    found = (e.makers("expansion.recommended"), e.count("expansion.clearance_granted"))
    return found == ({"pulse"}, 1), f"{found}, scores {scores}"


def _blocked(e: Evidence) -> Judgement:
    found = (e.noted.get("approved"), e.noted.get("stopped"), e.count("expansion.blocked") > 0)
    return equal("approved, mails, blocked", found, ("approved", 0, True))


def _went(e: Evidence) -> Judgement:
    fine = e.before("risk.cleared", "offer.sent") and e.count("offer.sent") == 1 and len(e.mails) == 1
    return fine, f"offers {e.count('offer.sent')}, mails {len(e.mails)}, the last answer {e.noted.get('last')}"


STORY = Story(
    8,
    "Pulse always wins",
    MABEL,
    _play,
    (
        Expected("A rising score and strong figures: expansion.recommended by Pulse; Dirk asks, and may", _recommended),
        Expected("risk.flagged, before what was approved has left", counted("risk.flagged")),
        Expected("It does not leave: expansion.blocked, and no offer.sent", _blocked),
        Expected("The COO tries again, and is refused: PULSE_HOLD", noted("again", "PULSE_HOLD")),
        Expected("After risk.cleared, with a reason, the offer goes; the customer saw no pitch while unhappy", _went),
    ),
)
