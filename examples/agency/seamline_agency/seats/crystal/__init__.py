"""Crystal owns projects: one for each new engagement, onboarding once its contract is signed, and the exit."""

from __future__ import annotations

from seamline_agency.seats.crystal import exits, kickoff, milestones, onboarding, projects
from seamline_agency.seats.crystal.contract import NO_CONTRACT
from seamline_agency.seats.crystal.seat import crystal

__all__ = ["NO_CONTRACT", "crystal", "exits", "kickoff", "milestones", "onboarding", "projects"]
