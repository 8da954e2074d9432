"""Radar compiles the morning briefing from the record. It listens; until there is a briefing it says nothing."""

from __future__ import annotations

from seamline import Seat

radar = Seat(
    "radar",
    role="Morning briefing",
    makes=["briefing.issued"],
    does_not_own=["guard.*", "approval.*"],
    informed=["briefing.issued", "guard.refused", "message.dead_lettered", "identity.conflict", "approval.expired"],
    reports_to="coo",
)
