"""What a change of a deal means.

Stage and amount are the webhook's; a fetched deal tells how things stand when it is read, so of it only what does not
belong to the change is taken: people, currency, pipeline, reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seamline import Calls, Event, Item, Party, PayloadError
from seamline.events import DealAmountChanged, DealCreated, DealLost, DealStageChanged, DealWon
from seamline_adapters import told
from seamline_adapters.hubspot import crm
from seamline_adapters.hubspot.change import Change, ref

#: The properties whose change is told.
STAGE, AMOUNT = "dealstage", "amount"

#: The stages that every portal starts with.
_USUAL_STAGES: Mapping[str, crm.Outcome] = {"closedwon": "won", "closedlost": "lost"}


@dataclass(frozen=True)
class Words:
    """What a portal's words mean: stages by id, and the currency of a deal that names none."""

    stages: Mapping[str, crm.Outcome]
    currency: str | None

    def stage(self, number: str) -> crm.Outcome | None:
        return self.stages.get(number) or _USUAL_STAGES.get(number)


def is_told(change: Change) -> bool:
    """Whether a change of a deal makes an event."""
    return change.kind == "deal.creation" or (change.kind == "deal.propertyChange" and change.name in (STAGE, AMOUNT))


def fetch(change: Change, item: Item, words: Words) -> Calls[None]:
    """The deal, its people, and the pipelines where a stage is not known."""
    deal = yield from crm.read_deal(item, change.number)
    yield from crm.read_contacts(item, crm.contacts_of(deal))
    if change.kind == "deal.propertyChange" and change.name == STAGE and words.stage(change.value) is None:
        yield from crm.read_pipelines(item)


def events(change: Change, item: Item, words: Words) -> Iterator[Event]:
    """The events of a change that is told."""
    deal = crm.answer(item, "deal")
    known = told.at(deal, "properties")
    known = known if isinstance(known, dict) else {}
    currency = _currency(known, words)
    base = _base(change, item, deal)
    worth = {"amount": _amount(known.get("amount"), currency), "currency": currency}
    if change.kind == "deal.creation":
        yield DealCreated.model_validate(base | worth | {"pipeline": told.text(known.get("pipeline"))})
    elif change.redacted:
        return
    elif change.name == STAGE:
        yield from _stage_events(change, item, words, base | worth, known)
    else:
        yield _amount_event(change, base, currency)


def _base(change: Change, item: Item, deal: dict[str, Any]) -> dict[str, Any]:
    context = [change.ref(), *(ref("company", number, change.portal) for number in crm.companies_of(deal))]
    party, others = crm.parties(item, change.portal, crm.contacts_of(deal), Party())
    return {
        "party": party.model_copy(update={"refs": (*party.refs, *context)}),
        "others": others,
        "occurred_at": change.at,
        "deal_id": change.number,
        "fact": change.fact(*((change.name, change.value) if change.name else ())),
    }


def _stage_events(
    change: Change, item: Item, words: Words, base: dict[str, Any], known: dict[str, Any]
) -> Iterator[Event]:
    number = change.value
    if not number:
        raise PayloadError("dealstage was changed to nothing")
    outcome, pipeline = crm.stage(item, number)
    outcome = words.stage(number) or outcome
    pipeline = pipeline or told.text(known.get("pipeline"))
    yield DealStageChanged.model_validate(base | {"to_stage": number, "pipeline": pipeline})
    end = base | {"closed_at": change.at, "engagement": crm.engagement(known)}
    if outcome == "won":
        yield DealWon.model_validate(end | {"reason": told.text(known.get("closed_won_reason"))})
    elif outcome == "lost":
        yield DealLost.model_validate(end | {"reason": told.text(known.get("closed_lost_reason"))})


def _amount_event(change: Change, base: dict[str, Any], currency: str | None) -> DealAmountChanged:
    if change.value and currency is None:
        raise PayloadError("the deal's currency is not known: set currency in the settings, or give the secret 'api'")
    amount = told.minor(change.value, currency or "") if change.value else None
    return DealAmountChanged.model_validate(base | {"amount": amount, "currency": currency})


def _currency(known: dict[str, Any], words: Words) -> str | None:
    code = told.text(known.get("deal_currency_code")) or ""
    return code if len(code) == 3 and code.isascii() and code.isalpha() and code.isupper() else words.currency


def _amount(value: Any, currency: str | None) -> int | None:
    """A fetched amount in minor units; None where it cannot be had: it completes a change, it is not the change."""
    if currency is None or told.text(value) is None:
        return None
    try:
        return told.minor(value, currency)
    except PayloadError:
        return None
