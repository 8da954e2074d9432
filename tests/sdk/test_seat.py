"""Seats and rosters: what an author gets wrong is refused where it is written, in words that say what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from seamline import Adapter, Context, Event, Item, Roster, Seat, SyncContext
from seamline.effect import Message
from seamline.errors import ConfigError
from seamline.events import DealLost, DealWon
from seamline.testing import run_handler


def sync_of_another_type(event: DealLost, ctx: SyncContext) -> None: ...


def sync_with_a_context(event: DealWon, anything: Context) -> None: ...


async def async_with_a_sync_context(event: DealWon, ctx: SyncContext) -> None: ...


def without_a_context(event: DealWon) -> None: ...


@pytest.mark.parametrize(
    ("handler", "told"),
    [
        (sync_of_another_type, "takes DealLost but is registered for DealWon"),
        (sync_with_a_context, "use async def for Context"),
        (async_with_a_sync_context, "use a plain def for SyncContext"),
        (without_a_context, "must take"),
    ],
)
def test_a_handler_that_could_not_run_is_refused_when_it_is_registered(handler: Callable[..., Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Seat("dirk").on(DealWon)(handler)


def test_a_handler_of_all_events_and_one_without_annotations_are_taken() -> None:
    def anything(event: Event, ctx: SyncContext) -> None: ...

    dirk = Seat("dirk")
    dirk.on(DealWon)(anything)
    dirk.on(DealLost)(lambda _event, _ctx: None)
    assert set(dirk.handlers) == {"deal.won", "deal.lost"}


def test_to_ask_another_seat_is_a_message_that_wants_an_answer() -> None:
    dirk = Seat("dirk")
    by = datetime(2026, 11, 22, 14, tzinfo=UTC)

    @dirk.on(DealWon)
    def won(event: DealWon, ctx: SyncContext) -> None:
        ctx.ask("pulse", topic="risk", body="Is anything open?", needs_response_by=by, key=event.deal_id)

    assert run_handler(dirk, DealWon(deal_id="d1")) == [
        Message("pulse", "risk", "Is anything open?", "REQUEST", "d1", by, None)
    ]


def test_on_without_an_event_type_says_what_it_takes() -> None:
    on: Any = Seat("dirk").on
    for given in (without_a_context, "deal.won", Event):
        with pytest.raises(ConfigError, match="takes a declared event type, such as"):
            on(given)


def test_a_text_where_a_list_belongs_does_not_own_everything() -> None:
    with pytest.raises(ConfigError, match=r"owns is a list, such as \['deal\.\*'\]"):
        Seat("dirk", owns="deal.*")


def test_a_seat_is_held_by_an_agent_or_a_human() -> None:
    kind: Any = "robot"
    with pytest.raises(ConfigError, match="kind is 'agent' or 'human'"):
        Seat("dirk", kind=kind)


def test_two_owners_of_one_type_are_refused_with_the_roster_not_with_the_first_event() -> None:
    with pytest.raises(ConfigError, match=r"deal\.\w+ is owned by b and a equally"):
        Roster([Seat("a", owns=["deal.*"]), Seat("b", owns=["deal.*"])])
    owner = Roster([Seat("a", owns=["deal.*"]), Seat("b", owns=["deal.won"])]).owner("deal.won")
    assert owner is not None
    assert owner.name == "b"


def test_a_judgement_is_its_makers_and_one_that_is_nobodys_is_anybodys_who_does_not_disown_it() -> None:
    dirk = Seat("dirk", owns=["deal.*"], does_not_own=["onboarding.*"])
    pepper = Seat("pepper", owns=["lead.*"])
    roster = Roster([dirk, pepper])
    assert roster.may_make(dirk, "buying_signal.detected")
    assert not roster.may_make(dirk, "onboarding.started")
    assert not roster.may_make(dirk, "lead.qualified")
    assert roster.may_make(pepper, "lead.qualified")
    assert not Roster([dirk, Seat("arin", makes=["buying_signal.detected"])]).may_make(dirk, "buying_signal.detected")


def test_an_adapter_names_what_its_settings_are_and_refuses_a_declaration_that_is_no_value() -> None:
    class Acme(Adapter):
        """Acme."""

        name = "acme"
        signature = None
        emits = (DealWon,)

        class Settings(BaseModel):
            model_config = ConfigDict(extra="forbid")
            account: str = ""

        def normalize(self, item: Item) -> list[Event]:
            return []

    with pytest.raises(ConfigError, match=r"acount: .*there are: account"):
        Acme({"acount": "x"})
    one: Any = DealWon
    with pytest.raises(ConfigError, match="emits is a tuple of event types"):
        type("Other", (Acme,), {"emits": one})


class _Mild(Adapter):
    """An adapter whose settings say nothing about what they do not know."""

    name = "mild"
    signature = None
    trust = "unverified"
    emits = ()

    class Settings(BaseModel):
        pipeline: str = "won"

    def normalize(self, item: Item) -> Iterator[Event]:
        yield from ()


def test_a_misspelt_setting_is_refused_also_by_a_model_that_would_pass_over_it() -> None:
    assert _Mild({"pipeline": "closed"}).settings.pipeline == "closed"
    with pytest.raises(ConfigError, match="no setting is named 'pipelin'; there are: pipeline"):
        _Mild({"pipelin": "closed"})


@pytest.mark.parametrize("every", [300, timedelta(0), timedelta(minutes=-1)])
def test_a_poll_that_would_never_rest_is_refused(every: Any) -> None:
    with pytest.raises(ConfigError, match="poll 'changes' runs every timedelta"):
        type("Odd", (_Mild,), {"polls": {"changes": every}})


@pytest.mark.parametrize("method", ["normalize", "send", "status", "preflight", "notice"])
def test_an_adapter_that_awaits_is_refused(method: str) -> None:
    async def awaits(self: Any, item: Any) -> list[Event]:
        return []

    with pytest.raises(ConfigError, match=rf"{method}\(\) is a plain def"):
        type("Odd", (_Mild,), {method: awaits})


def test_settings_that_are_no_model_are_refused() -> None:
    with pytest.raises(ConfigError, match="Settings is a pydantic model"):
        type("Odd", (_Mild,), {"Settings": type("Settings", (), {})})
