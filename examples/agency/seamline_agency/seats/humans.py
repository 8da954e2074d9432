"""The humans: they face the customer, approve what goes out, and have the last word about content."""

from __future__ import annotations

from seamline import Seat

coo = Seat(
    "coo",
    role="Chief operating officer",
    kind="human",
    facing="customer_facing",
    owns=[
        "invoice.*",
        "subscription.*",
        "account.status_changed",
        "briefing.issued",
        "guard.refused",
        "message.dead_lettered",
        "identity.conflict",
        "approval.expired",
        "lead.untriaged",
    ],
    does_not_own=["risk.*"],  # Pulse's hold is nobody else's to take
)

account_manager = Seat(
    "account_manager",
    role="Account manager",
    kind="human",
    facing="customer_facing",
    does_not_own=["metrics.*"],
    reports_to="coo",
)

onboarding_team = Seat(
    "onboarding_team",
    role="Onboarding team",
    kind="human",
    facing="customer_facing",
    does_not_own=["contract.*", "deal.*"],
    reports_to="coo",
)

retention_specialist = Seat(
    "retention_specialist",
    role="Retention specialist",
    kind="human",
    facing="customer_facing",
    does_not_own=["offer.*", "expansion.*"],
    reports_to="coo",
)

call_center_team = Seat(
    "call_center_team",
    role="Call center team",
    kind="human",
    facing="customer_facing",
    does_not_own=["proposal.*", "deal.*"],
    reports_to="coo",
)
