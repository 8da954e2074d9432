"""The contract on which a project may start, read from the ledger."""

from __future__ import annotations

from seamline import SyncContext
from seamline.boundary import GATE_TRUST
from seamline.events import ContractDeclined, ContractSigned, ContractVoided, OnboardingStarted, ProjectCreated

#: What stands for the contract while none is known: the guard lets nothing start with it.
NO_CONTRACT = "not signed yet"


def contract_of(project: ProjectCreated, ctx: SyncContext) -> str | None:
    """The contract on which a project may start: in force, of a word that counts, and no other project's.

    One that names another deal or engagement is not for this project; of several, the one signed last.
    """
    taken = {one.contract_id for one in ctx.timeline.all(OnboardingStarted) if one.project_id != project.project_id}
    told: list[ContractSigned | ContractVoided | ContractDeclined] = [
        *ctx.timeline.all(ContractSigned),
        *ctx.timeline.all(ContractVoided),
        *ctx.timeline.all(ContractDeclined),
    ]
    in_force: dict[str, ContractSigned] = {}
    for fact in sorted(told, key=lambda one: (one.envelope.time, str(one.id))):
        if not isinstance(fact, ContractSigned):
            in_force.pop(fact.contract_id, None)
        elif fact.envelope.trust in GATE_TRUST:
            in_force.pop(fact.contract_id, None)
            in_force[fact.contract_id] = fact
    fitting = [
        contract.contract_id
        for contract in in_force.values()
        if contract.contract_id not in taken
        and contract.deal_id in (None, project.deal_id)
        and contract.engagement_id in (None, project.engagement_id)
    ]
    return fitting[-1] if fitting else None
