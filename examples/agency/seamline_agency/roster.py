"""The agency's roster: who owns what, what may not happen before what, where humans gate, what each stage hands on."""

from __future__ import annotations

from seamline import Holds, Requires, Roster, Settled, Trusted
from seamline.events import (
    BriefIssued,
    ContractSigned,
    ContractVoided,
    DraftDispatched,
    ExitLogged,
    ExpansionBlocked,
    ExpansionRecommended,
    OfferSent,
    OnboardingStarted,
    ScoreUpdated,
)
from seamline_agency.gates import GATES
from seamline_agency.guards import StillOpen
from seamline_agency.leaving import ITEMS
from seamline_agency.seats.arin import arin
from seamline_agency.seats.crystal import crystal
from seamline_agency.seats.dash import dash
from seamline_agency.seats.dirk import dirk
from seamline_agency.seats.humans import account_manager, call_center_team, coo, onboarding_team, retention_specialist
from seamline_agency.seats.pepper import pepper
from seamline_agency.seats.pulse import pulse
from seamline_agency.seats.radar import radar
from seamline_agency.stages import STAGES

AGENTS = (pepper, dirk, crystal, dash, pulse, arin, radar)
HUMANS = (coo, account_manager, onboarding_team, retention_specialist, call_center_team)

roster = Roster(
    (*AGENTS, *HUMANS),
    guards=[
        Requires(
            OnboardingStarted,
            ContractSigned,
            rule="R4",
            reason="waiting for contract",
            voided_by=ContractVoided,
            code="NO_CONTRACT",
        ),
        Holds((OfferSent, ExpansionRecommended), winner="pulse", look=ScoreUpdated, blocked=ExpansionBlocked),
        StillOpen(),
        Settled(ExitLogged, items=ITEMS),
        Trusted((BriefIssued, DraftDispatched)),
    ],
    gates=GATES,
    stages=STAGES,
)
