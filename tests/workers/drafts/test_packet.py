"""The packet: what a human sees beside a draft, each thing with source and time, and what is missing by name."""

from __future__ import annotations

from typing import Any

from seamline import Seat, SyncContext
from seamline.events import CallNoted
from seamline_workers.store.reading.drafts import list_drafts, show_draft
from seamline_workers.store.reading.query import Query
from support.office import MakeOffice, Office, drafting
from support.works import event


def shown(company: Office, number: int, *, unmasked: bool = True) -> Any:
    found = show_draft(
        company.works.store, str(number), unmasked=unmasked, now=company.clock(), seats={"pepper", "dash"}
    )
    assert found is not None
    return found


def noting() -> Seat:
    crystal = Seat("crystal", informed=["call.noted"])

    @crystal.on(CallNoted)
    def write(event: CallNoted, ctx: SyncContext) -> None:
        ctx.log("Waits for the briefing.")
        ctx.message("pepper", topic="call", body="They want a discount.")

    return crystal


def test_r1_r11_r33_r66_every_section_is_there_with_source_and_time(office: MakeOffice) -> None:
    company = office(drafting(), noting())
    company.works.tell(
        event("email.received", message_id="M1", sender="dana@acme.example", subject="Prices", text="How much?"),
        event("call.noted", call_id="K1", text="Asked for a discount."),
        event("call.completed", call_id="K1", direction="inbound", outcome="answered"),
        event("deal.created", deal_id="D1"),
        event("project.noted", project_id="P1", text="Kick-off is planned."),
        event("metrics.snapshot", platform="meta", period={"start": "2026-11-01", "end": "2026-11-07"}, spend=1200,
              currency="USD", leads=3, as_of="2026-11-08T00:00:00Z"),
    )  # fmt: skip
    company.works.work()
    packet = shown(company, company.lead())["packet"]
    assert packet["missing"] == []
    [mail] = packet["thread"]
    assert mail["text"] == "email.received: dana@acme.example · Prices · How much? · message_id M1"
    assert (mail["source"], mail["at"], mail["new"]) == ("/sources/crm", "2026-11-20T12:00:00Z", False)
    assert [len(packet[name]) for name in ("calls", "deal", "figures", "messages")] == [1, 1, 1, 1]
    assert "Asked for a discount." in packet["notes"][0]["text"] + packet["notes"][1]["text"]
    logs = [item for item in packet["project"] if item["source"] == "/seats/crystal"]
    assert [(item["text"], bool(item["id"])) for item in logs] == [("crystal: Waits for the briefing.", True)]
    assert packet["figures"][0]["text"].startswith("not assessed: metrics.snapshot")


def test_r1_r3_r78_what_is_not_there_is_named(office: MakeOffice) -> None:
    company = office(drafting(missing=["the price list"]))
    draft = shown(company, company.lead())
    assert draft["missing"] == ["the price list"]
    assert draft["packet"]["missing"] == [
        "no messages", "no call notes", "no calls", "no deal", "no project", "no figures", "no messages of seats",
    ]  # fmt: skip


def test_r2_news_of_every_channel_stand_beside_the_draft_marked(office: MakeOffice) -> None:
    company = office(drafting(thread="T1"))
    number = company.lead()
    company.works.tell(event("call.completed", call_id="K1", direction="inbound", outcome="answered"))
    packet = shown(company, number)["packet"]
    assert [item["new"] for item in packet["calls"]] == [True]
    company.works.edit(number, seen=int(packet["read_to"]))
    assert [item["new"] for item in shown(company, number)["packet"]["calls"]] == [False]


def test_r34_a_seats_name_in_the_text_only_warns(office: MakeOffice) -> None:
    company = office(drafting(body="Dash off a note to Pepper's; dashing!"))
    assert shown(company, company.lead())["warnings"] == [
        "the text says 'dash', which is a seat's name",
        "the text says 'pepper', which is a seat's name",
    ]
    number = company.works.drafts()[0].id
    company.works.approve(number)
    assert company.draft(number).state == "approved"


def test_whoever_may_not_see_personal_things_sees_none(office: MakeOffice) -> None:
    company = office(drafting(to=["dana@acme.example"]))
    company.works.tell(event("email.received", message_id="M1", sender="dana@acme.example", text="secret"))
    number = company.lead()
    company.works.edit(number, body="another secret")
    masked = str(shown(company, number, unmasked=False))
    assert "dana@acme.example" not in masked
    assert "secret" not in masked
    assert "Hello" not in masked


def test_r75_the_queue_is_ordered_by_what_is_due_first(office: MakeOffice) -> None:
    company = office()
    late = company.lead("L1")
    company.clock.pass_hours(-2)
    soon = company.lead("L2", "eve@beta.example")
    company.clock.pass_hours(5)
    last = company.lead("L3", "fay@gamma.example")

    def read(**more: Any) -> Any:
        return list_drafts(company.works.store, Query(**more), unmasked=True, now=company.clock())

    first = read(limit=2)
    rest = read(limit=2, cursor=first["next"])
    assert [one["id"] for one in first["items"] + rest["items"]] == [str(soon), str(late), str(last)]
    assert rest["next"] is None
