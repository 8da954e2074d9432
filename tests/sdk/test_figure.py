"""What a snapshot says, what it corrects, and what contradicts what was said on a call."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from seamline.events import Figure, MetricsSnapshot, Period, StatedFigure
from seamline.figure import amount, close, contradicts, corrections, figures, metric_values

MAY = Period(start=date(2026, 5, 1), end=date(2026, 5, 31), tz="UTC")
JUNE = Period(start=date(2026, 6, 1), end=date(2026, 6, 30), tz="UTC")
TAKEN = datetime(2026, 6, 1, 6, tzinfo=UTC)


def snapshot(**fields: Any) -> MetricsSnapshot:
    usual: dict[str, Any] = {
        "platform": "meta",
        "period": MAY,
        "spend": 123_450,
        "currency": "USD",
        "leads": 42,
        "as_of": TAKEN,
        "ad_account_id": "act_1",
        "definition_hash": "h1",
    }
    return MetricsSnapshot(**usual | fields)


OLD = snapshot()
BRIEFED = figures(OLD, "provisional", snapshot_id="s1")


def later(**fields: Any) -> MetricsSnapshot:
    return snapshot(**{"as_of": TAKEN + timedelta(days=1)} | fields)


def said(metric: str, value: float, **fields: Any) -> StatedFigure:
    return StatedFigure(metric=metric, value=value, **{"period": MAY} | fields)


def test_a_snapshot_has_a_cost_per_lead_only_where_there_are_leads() -> None:
    assert metric_values(snapshot(more={"clicks": 900})) == {"clicks": 900, "leads": 42, "spend": 123_450, "cpl": 2_939}
    assert metric_values(snapshot(leads=0, calls_booked=0)) == {"leads": 0, "spend": 123_450, "calls_booked": 0}


def test_a_platform_s_further_figures_never_stand_in_for_ours() -> None:
    assert metric_values(snapshot(more={"leads": 7, "spend": 1}))["leads"] == 42


def test_figures_say_where_they_are_from() -> None:
    (spend, leads) = figures(OLD, "trusted", snapshot_id="s1", metrics=["spend", "leads", "calls_booked"])
    assert (spend.metric, spend.value, spend.unit, spend.currency) == ("spend", 123_450, "minor", "USD")
    assert (leads.metric, leads.value, leads.unit, leads.currency) == ("leads", 42, "count", None)
    assert {figure.snapshot_id for figure in (spend, leads)} == {"s1"}


def test_r39_what_a_newer_snapshot_revises_is_told_as_new_minus_briefed() -> None:
    assert corrections(BRIEFED, later(leads=50)) == {"leads": 8, "cpl": 2_469 - 2_939}
    assert corrections(BRIEFED, later()) == {}


def test_r39_a_revision_within_the_tolerance_is_none() -> None:
    assert corrections(BRIEFED, later(spend=124_500)) == {}
    assert corrections(BRIEFED, later(spend=124_500), 0.001) == {"spend": 1_050, "cpl": 25}


def test_r39_figures_that_fell_to_nothing_are_revised() -> None:
    assert corrections(BRIEFED, later(leads=0, spend=0)) == {"leads": -42, "spend": -123_450}


@pytest.mark.parametrize(
    "other",
    [
        {"period": JUNE},
        {"platform": "google"},
        {"as_of": TAKEN},
        {"as_of": TAKEN - timedelta(days=1)},
        {"campaign_id": "c1"},
    ],
)
def test_r39_another_period_platform_or_an_older_snapshot_revises_nothing(other: dict[str, Any]) -> None:
    assert corrections(BRIEFED, later(**{"leads": 99} | other)) == {}


def test_r39_money_in_another_currency_is_not_compared() -> None:
    assert corrections(BRIEFED, later(currency="EUR", leads=50)) == {"leads": 8}


@pytest.mark.parametrize("other", [{"definition_hash": "h2"}, {"ad_account_id": "act_2"}, {"attribution": "7d_click"}])
def test_r41_what_was_counted_otherwise_is_no_correction(other: dict[str, Any]) -> None:
    assert corrections(BRIEFED, later(leads=50, **other), sources={"s1": OLD}) == {}
    assert corrections(BRIEFED, later(leads=50), sources={"s1": OLD}) == {"leads": 8, "cpl": -470}


def test_r39_what_was_briefed_last_is_what_counts() -> None:
    again = figures(later(leads=50), "trusted", snapshot_id="s2")
    newest = later(leads=50, as_of=TAKEN + timedelta(days=2))
    assert corrections([*again, *BRIEFED], newest) == corrections([*BRIEFED, *again], newest) == {}


# --- contradictions --------------------------------------------------------------------------------------------------


def found(drafted: Any, *stated: StatedFigure) -> list[tuple[float, float]]:
    return [(one.drafted.value, one.stated.value) for one in contradicts([drafted], stated)]


def test_r3_another_value_for_the_same_metric_and_period_is_a_contradiction() -> None:
    assert found(said("leads", 50), said("leads", 42)) == [(50, 42)]
    assert found(BRIEFED[0], said("leads", 50)) == [(42, 50)]


def test_r3_the_same_value_another_metric_and_another_period_are_none() -> None:
    assert found(said("leads", 42), said("leads", 42)) == []
    assert found(said("spend", 1_000), said("spend", 1_005)) == []
    assert found(said("calls_booked", 50), said("leads", 42)) == []
    assert found(said("leads", 50), said("leads", 42, period=JUNE)) == []
    assert found(said("leads", 50)) == []


def test_r3_what_does_not_say_its_period_is_compared_with_every_one() -> None:
    assert found(said("leads", 50, period=None), said("leads", 42), said("leads", 51, period=JUNE)) == [(50, 51)]
    assert found(said("leads", 42, period=None), said("leads", 42), said("leads", 51, period=JUNE)) == []
    assert found(said("leads", 50), said("leads", 42, period=None)) == [(50, 42)]
    assert found(said("leads", 50), said("leads", 42, period=None), said("leads", 50)) == []


def test_r3_what_was_corrected_on_a_later_call_may_be_said() -> None:
    assert found(said("leads", 50), said("leads", 42), said("leads", 50)) == []


def test_r3_money_is_compared_in_minor_units_and_never_across_currencies() -> None:
    major = said("spend", 1234.5, unit="major", currency="USD")
    assert amount(major) == 123_450
    assert amount(said("spend", 1234, unit="major", currency="JPY")) == 1234
    spend = next(figure for figure in BRIEFED if figure.metric == "spend")
    assert found(spend, major) == []
    assert found(spend, said("spend", 123_450, unit="minor", currency="EUR")) == [(123_450, 123_450)]


def test_numbers_are_close_within_a_share_of_the_larger() -> None:
    assert close(100, 101)
    assert not close(100, 102)
    assert close(0, 0)
    assert not close(0, 1)
    assert not close(-100, 100)


def test_a_figure_from_before_snapshots_were_named_is_still_read() -> None:
    stored = BRIEFED[0].model_dump(mode="json")
    del stored["snapshot_id"]
    assert Figure.model_validate(stored).snapshot_id is None
