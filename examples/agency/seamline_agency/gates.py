"""Where humans gate: every way out of the agency, and who opens it. There is no other way out."""

from __future__ import annotations

from datetime import timedelta

from seamline import Gate

GATES = (
    # The first answer is a human's, in that human's name; it is never approved for good or in batches.
    Gate("inquiry", ("coo",), audience="customer", stage="inquiry", expires=timedelta(days=1)),
    Gate("followups", ("account_manager",), seat="dirk", audience="customer", stage="proposal", escalates_to="coo"),
    Gate("offers", ("coo",), seat="dirk", audience="customer", stage="delivery"),
    Gate("welcome", ("onboarding_team",), seat="crystal", audience="customer", stage="onboarding", escalates_to="coo"),
    Gate("last-letters", ("coo",), seat="crystal", audience="customer", stage="exit"),
    Gate("outreach", ("coo",), seat="pulse", audience="customer", expires=timedelta(days=2)),
    Gate("summaries", ("account_manager",), seat="dash", audience="customer", escalates_to="coo"),
    # Inside, too: what Arin tells the team goes out only when it was read, and not after the shift has begun.
    Gate("coaching", ("coo",), seat="arin", channel="slack", audience="team", remind=timedelta(minutes=60)),
    Gate("customers", ("coo",), audience="customer"),
)
