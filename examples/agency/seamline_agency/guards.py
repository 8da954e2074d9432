"""What may not happen at this agency, besides what every company guards."""

from __future__ import annotations

from dataclasses import dataclass

from seamline.events import FollowupDue
from seamline.guard import Asked, Refusal


@dataclass(frozen=True)
class StillOpen:
    """A proposal that was accepted, declined or has lapsed is followed up no more, though the letter was approved."""

    rule: str = "R27"
    code: str = "PROPOSAL_CLOSED"

    @property
    def guards(self) -> frozenset[str]:
        return frozenset({FollowupDue.event_type})

    def refuse(self, asked: Asked) -> Refusal | None:
        """Refuse once the proposal is settled; one that nobody knows is a human's to judge."""
        proposal = str(asked.fields.get("proposal_id"))
        state = asked.account.proposals.get(proposal, "open")
        if state == "open":
            return None
        return Refusal(self.rule, self.code, f"proposal {proposal} is {state}: there is nothing to follow up", None)
