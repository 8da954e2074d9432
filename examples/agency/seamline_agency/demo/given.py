"""What stories begin with: customers who are clients already."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from seamline import Ref
from seamline.testing import Sample
from seamline_agency.demo import requests
from seamline_agency.demo.cast import ONBOARDING, Customer
from seamline_agency.demo.clock import ZONE
from seamline_agency.demo.scene import Scene


def figures(
    of: Customer,
    day: date,
    as_of: datetime,
    leads: int,
    spend: int = 60_000,
    refs: Sequence[Ref] = (),
    **more: Any,
) -> Sample:
    """Meta's figures of a day, as the company's own relay hands them on."""
    period = {"start": day.isoformat(), "end": day.isoformat(), "tz": str(ZONE)}
    data = {
        "platform": "meta",
        "period": period,
        "spend": spend,
        "currency": "USD",
        "leads": leads,
        "as_of": as_of.isoformat(timespec="seconds"),
        "ad_account_id": f"act_{of.number}",
        "definition_hash": "lead-1",
    }
    return requests.relayed(of, "metrics.snapshot", as_of, data | more, part=f"-{day}", refs=refs)


def yesterday(now: datetime) -> date:
    return now.astimezone(ZONE).date() - timedelta(days=1)


def old_client(scene: Scene, weeks: int = 4, leads: int = 40, booked: int = 12) -> None:
    """A client from before the clock began: figures of every day until yesterday, which wake nobody."""
    of, began = scene.customer, scene.world.company.begins - timedelta(hours=1)
    with scene.given(f"{of.company} has been a client for long; {weeks} weeks of steady figures"):
        last = yesterday(began)
        days = [last - timedelta(days=back) for back in range(weeks * 7, -1, -1)]
        told = [figures(of, day, _morning(day), leads, calls_booked=booked) for day in days]
        scene.send("relay", "figures", *told)


def new_client(scene: Scene) -> None:
    """A client who has just come: contract signed, deal won, kickoff booked, welcomed."""
    of = scene.customer
    with scene.given(f"{of.company} has signed, booked its kickoff and was welcomed"):
        scene.send("proposals", "signed", requests.proposal(of, "signed", scene.now))
        scene.send("crm", "a deal is won", requests.won(of, scene.now))
        scene.send("calendar", "a kickoff", requests.booking(of, scene.now, scene.now + timedelta(days=1)))
        scene.approve(ONBOARDING, scene.draft("crystal"), confirm=["missing"])


def _morning(day: date) -> datetime:
    """When a day's figures are there: early on the next."""
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), ZONE) + timedelta(hours=5)
