"""Story 9. Two seats have something to say to one client: each knows what the other knows, and a human sends one."""

from __future__ import annotations

from seamline_agency.demo import requests
from seamline_agency.demo.cast import COO, OTIS
from seamline_agency.demo.given import new_client
from seamline_agency.demo.outcome import Evidence, Expected, Judgement, equal, noted
from seamline_agency.demo.scene import Scene
from seamline_agency.demo.story import Story

_MAIL = "The wrong invoice again. This is unacceptable; please look into it today."


def _play(scene: Scene) -> None:
    scene.at(scene.world.clock.next(1, 9))
    new_client(scene)
    scene.noted["before"] = len(scene.evidence().mails)
    scene.at(scene.world.clock.next(2, 9))
    second = {"data.proposal.id": 999_002}
    sent = requests.proposal(OTIS, "sent", scene.now, **second)
    scene.send("proposals", "a proposal for a second office is sent", sent)
    scene.later(hours=1)
    scene.send("proposals", "and viewed", requests.proposal(OTIS, "viewed", scene.now, **second))
    scene.later(hours=1)
    mail = requests.mail(OTIS, scene.now, "Your invoice", _MAIL)
    scene.send("mail", "the client complains about an invoice", mail)
    reply, pitch = scene.draft("pepper"), scene.draft("dirk")
    scene.noted["beside"] = (reply["conflicts"] == [pitch["id"]], pitch["conflicts"] == [reply["id"]])
    packet = reply["packet"]
    scene.noted["packet"] = (bool(packet["deal"]), bool(packet["project"]))
    scene.noted["unseen"] = scene.approve(COO, reply).code
    scene.approve(COO, reply, confirm=["conflicts"])
    scene.reject(COO, pitch, "not while they are unhappy with an invoice")


def _told(e: Evidence) -> Judgement:
    found = [
        (one["from_seat"], one["to_seat"], one["kind"], one["state"])
        for one in e.view.messages.values()
        if one["topic"] == "mail"
    ]
    return equal("messages", found, [("pepper", "dirk", "INFORM", "delivered")])


def _record(e: Evidence) -> Judgement:
    delivered = [one["data"] for one in e.view.of_type("message.delivered") if one["data"]["from_seat"] == "pepper"]
    return bool(delivered) and e.seats("message.delivered") <= {"dirk"}, f"delivered {delivered}"


STORY = Story(
    9,
    "Two seats, one client",
    OTIS,
    _play,
    (
        Expected("Pepper flags the mail as urgent", lambda e: equal("flags", len(e.flags("client-urgent")), 1)),
        Expected("Dirk's inbox holds Pepper's word of it", _told),
        Expected("It went from seat to seat, without a human in between, and is on record", _record),
        Expected("Pepper's packet shows the deal, and Crystal's log of the project", noted("packet", (True, True))),
        Expected("The two drafts stand side by side", noted("beside", (True, True))),
        Expected("Approving one without seeing the other is refused", noted("unseen", "CONFLICT")),
        Expected("The customer saw one of them", lambda e: equal("mails", len(e.mails) - e.noted.get("before", 0), 1)),
    ),
)
