"""An account's score and its trend."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamline.detection import Reading
from seamline.score import Part, Weights, account_score, answered, from_reading, rising, slope, weekly

LAST = date(2026, 6, 28)
NONE = Part()


def scored(*scores: int | None, **fields: Any) -> Any:
    volume, cpl, booking, responsiveness = (Part(score) for score in scores)
    return account_score(volume=volume, cpl=cpl, booking=booking, responsiveness=responsiveness, **fields)


def weeks(*scores: int) -> list[tuple[date, int]]:
    return [(LAST - timedelta(weeks=back), score) for back, score in enumerate(reversed(scores))]


def reading(signal: Any, change: float | None, level: Any = "none", reason: str | None = None) -> Reading:
    window = (LAST - timedelta(days=6), LAST)
    return Reading(signal, level, change, 0.5, window, None, {}, None, None, reason)


def test_r51_the_score_is_the_weighted_mean_of_its_parts() -> None:
    found = scored(100, 0, 100, 0)
    assert (found.score, found.missing) == (60, ())
    assert found.components == {"volume": 100, "cpl": 0, "booking": 100, "responsiveness": 0}
    assert scored(80, 80, 80, 80).score == 80


def test_r51_parts_without_data_count_nothing_and_are_named() -> None:
    found = scored(80, None, None, 40, weights=Weights(volume=3, responsiveness=1))
    assert (found.score, found.missing) == (70, ("cpl", "booking"))
    assert "cpl" not in found.components
    assert scored(None, None, None, None).score is None
    assert scored(0, None, None, None).score == 0
    assert scored(None, 50, None, None, weights=Weights(cpl=0)).score is None


def test_r51_half_a_point_is_rounded_up() -> None:
    assert scored(50, 51, None, None, weights=Weights(volume=1, cpl=1)).score == 51
    assert scored(51, 52, None, None, weights=Weights(volume=1, cpl=1)).score == 52


parts = st.none() | st.integers(0, 100)


@given(st.tuples(parts, parts, parts, parts), st.tuples(*[st.integers(0, 40)] * 4))
def test_r51_a_score_lies_between_its_parts(scores: tuple[int | None, ...], weights: tuple[int, ...]) -> None:
    found = scored(*scores, weights=Weights(*weights)).score
    told = [score for score, weight in zip(scores, weights, strict=True) if score is not None and weight]
    assert (found is None) == (not told)
    assert found is None or min(told) <= found <= max(told)


def test_sub_scores_and_weights_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="from 0 to 100"):
        scored(101, 1, 1, 1)
    with pytest.raises(ValueError, match="not negative"):
        scored(1, 1, 1, 1, weights=Weights(cpl=-1))
    with pytest.raises(ValueError, match="among the attempts"):
        answered(1, 2)


@pytest.mark.parametrize(
    ("signal", "change", "score"),
    [
        ("lead_volume_drop", 0.0, 50),
        ("lead_volume_drop", 0.2, 70),
        ("lead_volume_drop", -0.5, 0),
        ("lead_volume_drop", -0.9, 0),
        ("calls_unbooked", 3.0, 100),
        ("cpl_rise", 0.2, 30),
        ("cpl_rise", -0.2, 70),
        ("cpl_rise", None, 0),
    ],
)
def test_r51_a_reading_is_worth_what_changed(signal: str, change: float | None, score: int) -> None:
    part = from_reading(reading(signal, change))
    assert part.score == score
    assert part.evidence[0].startswith(f"{signal}: ")


def test_r51_a_reading_of_too_little_data_is_no_score_and_says_why() -> None:
    part = from_reading(reading("cpl_rise", -0.4, "insufficient", "3 days to compare with"))
    assert part == Part(None, ("cpl_rise: 3 days to compare with",))


def test_r51_who_answers_is_responsive_and_who_was_not_asked_is_unknown() -> None:
    assert (answered(4, 3).score, answered(4, 0).score, answered(0, 0).score) == (75, 0, None)


# --- the trend -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("series", "found"),
    [
        (weeks(50, 55, 60, 65), True),
        (weeks(50, 55, 60, 60), True),
        (weeks(50, 55, 65, 64), False),
        (weeks(50, 50, 50, 50), False),
        (weeks(65, 60, 55, 56), False),
        (weeks(55, 60, 65), False),
        (weeks(50, 10, 55, 60, 65), True),
        (weeks(*[90] * 9, 50, 51, 52, 53, 54, 55, 56, 57), True),
        ([], False),
    ],
)
def test_r51_a_score_rises_over_four_weeks_and_has_not_just_fallen(series: list[tuple[date, int]], found: bool) -> None:
    assert rising(series) is found


def test_r51_many_scores_of_one_month_are_not_many_weeks() -> None:
    assert not rising([(LAST - timedelta(days=back), 80 - back) for back in range(21)])
    assert rising([(LAST - timedelta(days=back), 80 - back) for back in range(22)])


def test_r51_of_a_week_its_newest_score_counts() -> None:
    assert weekly([(LAST, 60), (LAST - timedelta(days=6), 10), (LAST - timedelta(days=7), 50)]) == (
        (LAST - timedelta(days=7), 50),
        (LAST, 60),
    )


@given(st.dictionaries(st.integers(0, 80), st.integers(0, 100)), st.randoms(), st.integers(0, 50))
def test_r51_neither_order_nor_level_of_the_scores_matters(scores: dict[int, int], chance: Random, more: int) -> None:
    series = [(LAST - timedelta(days=back), score) for back, score in scores.items()]
    shuffled = [(day, score + more) for day, score in series]
    chance.shuffle(shuffled)
    assert rising(shuffled) == rising(series)
    backwards = [(LAST - (LAST - day), -score) for day, score in series]
    assert not (rising(backwards) and rising(series))


def test_the_slope_is_that_of_most_pairs() -> None:
    assert slope(weeks(10, 17, 24, 31)) == pytest.approx(1.0)
    assert slope(weeks(10, 17, 0, 31)) == pytest.approx(1.0)
    assert slope(weeks(10)) is None
