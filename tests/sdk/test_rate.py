"""The exact test behind the detectors, against the definition."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamline.rate import Dispersion, binomial_cdf, dispersion, rate_drop


def exactly(k: int, n: int, share: Fraction) -> Fraction:
    """The chance of at most ``k`` of ``n``, by its definition."""
    return sum((comb(n, j) * share**j * (1 - share) ** (n - j) for j in range(k + 1)), Fraction(0))


@given(st.integers(1, 120), st.data(), st.integers(1, 19))
def test_the_binomial_is_that_of_the_definition_at_every_place(n: int, data: st.DataObject, twentieths: int) -> None:
    k = data.draw(st.integers(-1, n))
    expected = float(exactly(k, n, Fraction(twentieths, 20)))
    assert binomial_cdf(k, n, twentieths / 20) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_large_counts_neither_overflow_nor_lose_the_tail() -> None:
    assert 0 < binomial_cdf(180_000, 1_000_000, 0.2) < 1e-300 or binomial_cdf(180_000, 1_000_000, 0.2) == 0
    assert binomial_cdf(200_000, 1_000_000, 0.2) == pytest.approx(0.5, abs=0.001)
    assert binomial_cdf(199_000, 1_000_000, 0.2) == pytest.approx(0.0062, abs=0.0002)


def test_a_drop_is_told_with_its_plain_change_and_its_exact_chance() -> None:
    drop = rate_drop(28, 7, 224, 28)
    assert drop.change == pytest.approx(-0.5)
    assert drop.p_value == pytest.approx(float(exactly(28, 252, Fraction(1, 5))))


def test_parts_of_events_are_rounded_against_finding_a_drop() -> None:
    expected = float(exactly(4, 4 + 16, Fraction(1, 5)))
    assert rate_drop(7, 7, 33, 28, phi=2.0).p_value == pytest.approx(expected)


def test_no_events_at_all_are_no_drop() -> None:
    assert rate_drop(0, 7, 0, 28) == (None, 1.0)


@given(st.integers(0, 60), st.integers(0, 300), st.floats(1, 8))
def test_counts_that_swing_never_make_a_drop_more_certain_than_chance_alone_does(
    new: int, base: int, phi: float
) -> None:
    # Where nothing fell, both are far from any limit and rounding may move them either way.
    plain, corrected = rate_drop(new, 7, base, 28), rate_drop(new, 7, base, 28, phi=phi)
    assert corrected.change == plain.change
    assert corrected.p_value >= plain.p_value or plain.p_value > 0.3


@pytest.mark.parametrize("wrong", [(1, 0, 1, 1), (1, 1, 1, 0), (-1, 1, 1, 1), (1, 1, -1, 1)])
def test_a_period_without_exposure_is_refused_with_what_to_do(wrong: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="leave out a period"):
        rate_drop(*wrong)


def test_counts_that_swing_with_chance_alone_are_taken_as_they_are() -> None:
    assert dispersion([3, 5, 4, 4], [4, 4, 4, 4], 1).phi == 1.0
    assert dispersion([0, 20, 0, 20], [10, 10, 10, 10], 1).phi == pytest.approx(40 / 3)
    assert dispersion([5], [5], 1) == Dispersion(1.0, 0)


def test_more_days_know_the_swing_better() -> None:
    assert [Dispersion(1.45, free).phi for free in (3, 21, 49)] == [1.0, 1.45, 1.45]
    assert [Dispersion(1.3, free).phi for free in (3, 21, 49)] == [1.0, 1.0, 1.3]
    assert Dispersion(1.6, 3).phi == 1.6
