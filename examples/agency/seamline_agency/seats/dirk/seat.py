"""Dirk's seat: what is Dirk's business and what is not."""

from __future__ import annotations

from seamline import Seat

dirk = Seat(
    "dirk",
    role="Pipeline intelligence",
    owns=[
        "lead.triaged",
        "lead.qualified",
        "proposal.*",
        "buying_signal.*",
        "followup.*",
        "deal.*",
        "contract.*",
        "expansion.*",
        "offer.*",
    ],
    makes=["expansion.clearance_requested"],
    does_not_own=["lead.received", "onboarding.*", "project.*"],
    informed=[
        "email.*",
        "chat.*",
        "response.sent",
        "call.completed",
        "project.*",
        "onboarding.*",
        "kickoff.*",
        "milestone.*",
        "task.*",
        "meeting.*",
        "signal.*",
        "outreach.*",
        "risk.*",
        "score.*",
        "expansion.clearance_requested",
        "relationship.*",
        "exit.*",
    ],
    reports_to="coo",
)
