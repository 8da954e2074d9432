"""What each seat does with an event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

#: Takes the event's data and gives the flag's kind and note.
Handler = Callable[[Mapping[str, Any]], tuple[str, str]]


def answer_lead(data: Mapping[str, Any]) -> tuple[str, str]:
    budget = data.get("fields", {}).get("budget", "unknown")
    return "answer", f"A new lead with a budget of {budget}: answer today"


def watch_campaign(data: Mapping[str, Any]) -> tuple[str, str]:
    return "attribution", f"Campaign {data.get('campaign_id', 'unknown')} has brought a lead"


HANDLERS: Mapping[str, Handler] = {"pepper": answer_lead, "dash": watch_campaign}
