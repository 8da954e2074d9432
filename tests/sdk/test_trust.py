"""Which figures may be said to a customer, and which only look as if."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamline.events import MetricsSnapshot, Period
from seamline.trust import Expected, assess, open_to_attribution

TZ = "America/New_York"
DAY = date(2026, 6, 28)
#: Six in the morning in New York, the day after.
TAKEN = datetime(2026, 6, 29, 10, tzinfo=UTC)
EXPECTED = Expected("act_1", "USD", TZ, "h1")


def snapshot(back: int = 0, **fields: Any) -> MetricsSnapshot:
    """The figures of one day, taken on the next morning; ``back``: days before."""
    day = DAY - timedelta(days=back)
    usual: dict[str, Any] = {
        "platform": "meta",
        "period": Period(start=day, end=day, tz=TZ),
        "spend": 40_000,
        "currency": "USD",
        "leads": 8,
        "as_of": TAKEN - timedelta(days=back),
        "definition_hash": "h1",
        "ad_account_id": "act_1",
        "platform_spend": 40_000,
    }
    return MetricsSnapshot(**usual | fields)


def failed(told: MetricsSnapshot, **fields: Any) -> tuple[str, ...]:
    usual: dict[str, Any] = {"now": TAKEN, "expected": EXPECTED}
    return assess(told, **usual | fields).failed_checks


def test_r40_fresh_figures_of_the_right_account_for_a_whole_period_are_trusted() -> None:
    found = assess(snapshot(), now=TAKEN + timedelta(hours=18), expected=EXPECTED)
    assert (found.grade, found.failed_checks, found.check, found.deltas) == ("trusted", (), False, {})


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"ad_account_id": "act_2"}, "wrong_account"),
        ({"ad_account_id": None}, "wrong_account"),
        ({"currency": "EUR"}, "wrong_currency"),
        ({"period": Period(start=DAY, end=DAY, tz="UTC")}, "wrong_timezone"),
        ({"period": Period(start=DAY, end=DAY, tz="Mars/Olympus")}, "wrong_timezone"),
        ({"period": Period(start=DAY, end=DAY + timedelta(days=1), tz=TZ)}, "incomplete_period"),
        ({"period": Period(start=DAY, end=DAY - timedelta(days=1), tz=TZ)}, "incomplete_period"),
        ({"period": Period(start=DAY, end=date.max, tz=TZ)}, "incomplete_period"),
        ({"as_of": TAKEN - timedelta(hours=19)}, "stale"),
        ({"platform_spend": 40_500}, "totals_disagree"),
        ({"platform_spend": 0}, "totals_disagree"),
        ({"definition_hash": "h2"}, "definition_changed"),
        ({"definition_hash": None}, "definition_changed"),
    ],
)
def test_r40_r41_whatever_is_wrong_is_named_and_makes_it_untrusted(fields: dict[str, Any], name: str) -> None:
    told = snapshot(**fields)
    assert name in failed(told)
    assert assess(told, now=TAKEN, expected=EXPECTED).grade == "untrusted"


def test_r40_a_day_is_whole_when_it_has_ended_where_the_account_is() -> None:
    midnight = datetime(2026, 6, 29, 4, tzinfo=UTC)
    assert failed(snapshot(as_of=midnight)) == ()
    assert failed(snapshot(as_of=midnight - timedelta(seconds=1))) == ("incomplete_period",)


def test_r40_figures_grow_stale_after_eighteen_hours_and_not_before() -> None:
    assert failed(snapshot(), now=TAKEN + timedelta(hours=18, microseconds=1)) == ("stale",)
    assert failed(snapshot(), now=TAKEN + timedelta(hours=18, microseconds=1), freshness=timedelta(hours=19)) == ()


def test_r40_totals_may_differ_within_the_tolerance_or_not_be_told() -> None:
    assert failed(snapshot(platform_spend=40_300)) == ()
    assert failed(snapshot(platform_spend=40_300), tolerance=0.001) == ("totals_disagree",)
    assert failed(snapshot(platform_spend=None)) == ()


@pytest.mark.parametrize(
    ("attribution", "days_after", "still_open"),
    [
        (None, 1, False),
        ("7d_click", 1, True),
        ("7d_click", 7, True),
        ("7d_click", 8, False),
        ("7d_click_1d_view", 7, True),
        ("1d_view", 2, False),
        ("last_click", 1, False),
    ],
)
def test_r40_days_still_open_to_attribution_are_provisional(
    attribution: str | None, days_after: int, still_open: bool
) -> None:
    told = snapshot(attribution=attribution, as_of=TAKEN + timedelta(days=days_after - 1))
    assert open_to_attribution(told) is still_open
    assert assess(told, now=told.as_of, expected=EXPECTED).grade == ("provisional" if still_open else "trusted")


def test_r40_what_the_platform_calls_provisional_is() -> None:
    assert assess(snapshot(provisional=True), now=TAKEN, expected=EXPECTED).grade == "provisional"
    assert assess(snapshot(provisional=True, currency="EUR"), now=TAKEN, expected=EXPECTED).grade == "untrusted"


def test_r40_a_big_move_stays_trusted_and_is_marked_for_a_human() -> None:
    usual = [snapshot(back) for back in range(1, 31)]
    found = assess(snapshot(leads=4), now=TAKEN, expected=EXPECTED, previous=usual)
    assert (found.grade, found.check) == ("trusted", True)
    assert found.deltas == {
        "leads_7": -0.5, "spend_7": 0, "cpl_7": 1.0, "leads_30": -0.5, "spend_30": 0, "cpl_30": 1.0,
    }  # fmt: skip
    assert not assess(snapshot(leads=7), now=TAKEN, expected=EXPECTED, previous=usual).check


def test_r40_a_week_that_was_low_is_no_move_against_itself_but_one_against_the_month() -> None:
    usual = [snapshot(back, leads=4 if back <= 7 else 8) for back in range(1, 31)]
    found = assess(snapshot(leads=4), now=TAKEN, expected=EXPECTED, previous=usual)
    assert (found.deltas["leads_7"], found.deltas["leads_30"], found.check) == (0, -0.5, True)


def test_r40_a_figure_that_was_corrected_counts_once_as_it_is_now() -> None:
    first = [snapshot(back, leads=100) for back in (1, 2, 3)]
    revised = [snapshot(back, as_of=TAKEN - timedelta(hours=1), leads=8) for back in (1, 2, 3)]
    assert assess(snapshot(), now=TAKEN, expected=EXPECTED, previous=[*revised, *first]).deltas["leads_7"] == 0


def test_r40_a_figure_is_compared_neither_with_its_own_period_nor_with_what_came_later() -> None:
    own = [snapshot(as_of=TAKEN - timedelta(hours=hours), leads=100) for hours in (1, 2, 3)]
    after = [snapshot(back, as_of=TAKEN + timedelta(hours=1), leads=100) for back in (1, 2, 3)]
    assert assess(snapshot(), now=TAKEN, expected=EXPECTED, previous=own + after).deltas == {}
    two = [snapshot(1), snapshot(2)]
    assert assess(snapshot(), now=TAKEN, expected=EXPECTED, previous=own + two).deltas == {}


@pytest.mark.parametrize(
    "other",
    [
        {"definition_hash": "h0"},
        {"currency": "EUR"},
        {"attribution": "7d_click"},
        {"ad_account_id": "act_2"},
        {"campaign_id": "c1"},
        {"platform": "google"},
    ],
)
def test_r41_figures_that_were_counted_otherwise_are_not_compared(other: dict[str, Any]) -> None:
    before = [snapshot(back, leads=100, **other) for back in range(1, 31)]
    assert assess(snapshot(), now=TAKEN, expected=EXPECTED, previous=before).deltas == {}


def test_r41_without_a_known_definition_it_must_be_that_of_the_snapshot_before() -> None:
    expected = Expected("act_1", "USD", TZ)
    assert failed(snapshot(), expected=expected, previous=[snapshot(1)]) == ()
    assert failed(snapshot(), expected=expected, previous=[snapshot(1, definition_hash=None)]) == ()
    changed = [snapshot(2), snapshot(1, definition_hash="h0")]
    assert failed(snapshot(), expected=expected, previous=changed) == ("definition_changed",)
    elsewhere = [snapshot(1, definition_hash="h0", campaign_id="c1")]
    assert failed(snapshot(), expected=expected, previous=elsewhere) == ()


def test_r40_a_week_is_compared_with_weeks() -> None:
    week = Period(start=DAY - timedelta(days=6), end=DAY, tz=TZ)
    days = [snapshot(back) for back in range(1, 31)]
    assert assess(snapshot(period=week, leads=56), now=TAKEN, expected=EXPECTED, previous=days).deltas == {}


hows = st.fixed_dictionaries(
    {},
    optional={
        "leads": st.integers(0, 50),
        "spend": st.integers(0, 90_000),
        "as_of": st.integers(-60, 60).map(lambda hours: TAKEN + timedelta(hours=hours)),
        "provisional": st.booleans(),
        "definition_hash": st.sampled_from([None, "h1", "h2"]),
    },
)


@given(hows, st.lists(st.tuples(st.integers(-3, 40), hows), max_size=8))
def test_r40_whatever_is_told_only_what_fails_no_check_is_trusted(
    fields: dict[str, Any], before: list[tuple[int, dict[str, Any]]]
) -> None:
    previous = [snapshot(back, **how) for back, how in before]
    found = assess(snapshot(**fields), now=TAKEN, expected=EXPECTED, previous=previous)
    assert (found.grade == "untrusted") == bool(found.failed_checks)
    assert found == assess(snapshot(**fields), now=TAKEN, expected=EXPECTED, previous=previous[::-1])
