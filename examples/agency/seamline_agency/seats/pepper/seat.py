"""Pepper's seat: what is Pepper's business and what is not."""

from __future__ import annotations

from seamline import Seat

pepper = Seat(
    "pepper",
    role="Inbox and lead triage",
    owns=["lead.received", "email.*", "chat.*", "response.sent"],
    makes=["lead.triaged", "lead.untriaged"],  # Dirk goes on from the one, a human from the other
    does_not_own=["lead.qualified", "proposal.*", "deal.*"],
    informed=["project.*", "onboarding.*", "kickoff.*", "milestone.*", "task.*", "relationship.*", "exit.*"],
    reports_to="coo",
)
