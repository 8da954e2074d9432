"""What each seat does with an event."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.rival.models import Event, Flag

Handler = Callable[[Event], Flag]


def answer_lead(event: Event) -> Flag:
    budget = event.data.get("fields", {}).get("budget", "unknown")
    return Flag(kind="answer", note=f"A new lead with a budget of {budget}: answer today")


def watch_campaign(event: Event) -> Flag:
    return Flag(kind="attribution", note=f"Campaign {event.data.get('campaign_id', 'unknown')} has brought a lead")


HANDLERS: Mapping[str, Handler] = {"pepper": answer_lead, "dash": watch_campaign}
