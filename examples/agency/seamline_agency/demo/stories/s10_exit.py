"""Story 10. An exit as structured as the start: by evidence, and looked at again when it is over."""

from __future__ import annotations

from seamline import Ref
from seamline_agency.demo.cast import ACCOUNT_MANAGER, COO, LEONA
from seamline_agency.demo.given import figures, new_client, yesterday
from seamline_agency.demo.outcome import Evidence, Expected, Judgement, counted, equal, noted
from seamline_agency.demo.scene import Scene
from seamline_agency.demo.story import Story

_ACCOUNT, _PIXEL, _CUSTOMER = "7710010", "7720010", "cus_LeonaBirch10"
_REFS = (
    Ref(of="account", kind="ad_account", id=f"act_{_ACCOUNT}", provider="meta"),
    Ref(of="account", kind="pixel", id=_PIXEL, provider="meta"),
    Ref(of="account", kind="customer", id=_CUSTOMER, provider="stripe"),
)
_CAMPAIGNS = f"graph.facebook.com/v24.0/act_{_ACCOUNT}/campaigns"
_RUNS = {"data": [{"id": "1", "effective_status": "ACTIVE"}]}
_NOTHING: dict[str, object] = {"object": "list", "data": [], "has_more": False}


def _play(scene: Scene) -> None:
    scene.at(scene.world.clock.next(0, 9))
    runs = scene.world.books.runs
    runs[_CAMPAIGNS] = _RUNS
    runs[f"graph.facebook.com/v24.0/{_PIXEL}"] = {"id": _PIXEL, "last_fired_time": "2026-01-05T10:00:00+0000"}
    for kind in ("subscriptions", "invoices", "subscription_schedules"):
        runs[f"api.stripe.com/v1/{kind}"] = _NOTHING
    new_client(scene)
    told = figures(LEONA, yesterday(scene.now), scene.now, 20, refs=_REFS)
    scene.send("relay", "figures of yesterday, and what they are called at Meta and Stripe", told)
    scene.at(scene.world.clock.next(3, 9))
    scene.state(ACCOUNT_MANAGER, "relationship.ended", initiated_by="customer", reason="moves to another city")
    scene.until(lambda e: len(_items(e)) == 2, "Meta and Stripe are asked: pixel off, invoices none, campaign active")
    seen = scene.evidence()
    scene.noted["open"] = (seen.count("exit.logged"), sorted(_items(seen)))
    scene.noted["why"] = seen.refusals()
    scene.approve(COO, scene.draft("pepper"), confirm=["missing"])
    runs[_CAMPAIGNS] = {"data": []}
    scene.later(hours=2, why="the campaign is paused at Meta")
    scene.until(lambda e: e.count("exit.logged") == 1, "Meta is asked again: paused")
    runs[_CAMPAIGNS] = _RUNS
    scene.later(hours=25, why="a day later the campaign runs again")
    scene.until(lambda e: e.count("exit.item_reopened") == 1, "Meta is asked once more: active")


def _items(e: Evidence) -> list[str]:
    return [one["data"]["item"] for one in e.view.of_type("exit.item_verified")]


def _why(e: Evidence) -> Judgement:
    found, tasks = e.noted.get("why", []), e.tasks(assignee="anna")
    return [rule for rule, _ in found] == ["R58"] * len(found) and bool(found and tasks), f"refusals {found}"


def _letters(e: Evidence) -> Judgement:
    return equal("mails", [mail.subject for mail in e.mails][1:], ["The end of our work for Birch Landscapes"])


def _verified(e: Evidence) -> Judgement:
    return equal("verified", sorted(_items(e)), ["campaign", "invoice", "pixel"])


def _closed(e: Evidence) -> Judgement:
    by, logged = e.makers("project.closed"), e.only("exit.logged")
    fine = by == {"crystal"} and len(logged.get("checklist", ())) == 3
    return fine, f"closed by {by}, logged with {logged.get('checklist')}"


def _reopened(e: Evidence) -> Judgement:
    found = [one["data"]["item"] for one in e.view.of_type("exit.item_reopened")]
    alarms = [one for one in e.view.tasks.values() if one["kind"] == "incident"]
    return found == ["campaign"] and bool(alarms), f"reopened {found}, {len(alarms)} alarms"


STORY = Story(
    10,
    "An exit as structured as the start",
    LEONA,
    _play,
    (
        Expected(
            "While the campaign is active the exit is not logged; pixel and invoice are settled by evidence",
            noted("open", (0, ["invoice", "pixel"])),
        ),
        Expected("exit.logged is refused, and the COO sees why", _why),
        Expected("The last letter is Pepper's draft and a human's mail", counted("exit.correspondence_sent")),
        Expected("Paused, the campaign is settled: exit.item_verified three times", _verified),
        Expected("exit.logged with the evidence of each item; Crystal closes the project", _closed),
        Expected("A day later the campaign runs again: exit.item_reopened, and an alarm", _reopened),
        Expected("The customer saw one last letter", _letters),
    ),
)
