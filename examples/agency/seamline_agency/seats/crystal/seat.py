"""Crystal's seat: what is Crystal's business and what is not."""

from __future__ import annotations

from seamline import Seat

crystal = Seat(
    "crystal",
    role="Project tracking",
    owns=["project.*", "onboarding.*", "kickoff.*", "milestone.*", "task.*", "relationship.*", "exit.*"],
    does_not_own=["deal.*", "contract.*", "meeting.*"],
    informed=[
        "ad.*",
        "audience.*",
        "campaign.*",
        "pixel.*",
        "email.*",
        "chat.*",
        "response.sent",
        "deal.won",
        "contract.*",
        "meeting.*",
        "invoice.*",
        "subscription.*",
        "account.status_changed",
        "signal.*",
        "outreach.*",
        "risk.*",
        "score.*",
    ],
    reports_to="coo",
)
