"""What the tests of the agency's seats share: a customer, and what of a handler's effects they look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from seamline import Event, Party
from seamline.context import Account, Draft, Effect, Emit
from seamline.events import LeadReceived
from seamline.testing import ACCOUNT

#: A Monday morning at the agency, an hour after its office opens in Chicago.
NOW = datetime(2026, 11, 23, 16, tzinfo=UTC)
DANA = Party(name="Dana Whitfield", email="dana@example.com", company="Harbor Lane Dental")
T = TypeVar("T")
E = TypeVar("E", bound=Event)


def of(effects: Sequence[Effect], kind: type[T]) -> list[T]:
    """The effects of a kind."""
    return [effect for effect in effects if isinstance(effect, kind)]


def only(effects: Sequence[Effect], kind: type[T]) -> T:
    """The one effect of a kind."""
    found = of(effects, kind)
    assert len(found) == 1, effects
    return found[0]


def said(effects: Sequence[Effect], kind: type[E]) -> list[E]:
    """The judgements of a type."""
    return [emit.event for emit in of(effects, Emit) if isinstance(emit.event, kind)]


def drafted(effects: Sequence[Effect]) -> Draft:
    return only(effects, Draft)


def customer(stage: str, **more: Any) -> Account:
    """The account of a customer in a stage."""
    contact = {"name": DANA.name, "email": DANA.email, "phone": None}
    return replace(ACCOUNT, stage=stage, name="Harbor Lane Dental", contacts=(contact,), **more)


def a_lead(**fields: Any) -> LeadReceived:
    """Dana's lead."""
    told = {"party": DANA, "occurred_at": NOW, "lead_id": "L1", "channel": "form", "fact": "lead"}
    return LeadReceived.model_validate(told | fields)
