"""What the detectors find, how often they are wrong, and when they say that they cannot tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from math import exp
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamline.detection import Day, Level, Limits, Past, Reading, calls_unbooked, confirm, cpl, lead_volume, severity
from seamline.rate import rate_drop

LAST = date(2026, 6, 28)
WEEK = timedelta(days=7)
Detector = Callable[..., Reading]
#: What the daily mean varies by besides chance, as a share of its square.
SWINGING = 0.15


def poisson(chance: Random, mean: float) -> int:
    bound, product, count = exp(-mean), chance.random(), 0
    while product > bound:
        product *= chance.random()
        count += 1
    return count


def count(chance: Random, mean: float, swing: float) -> int:
    return poisson(chance, chance.gammavariate(1 / swing, mean * swing) if swing else mean)


def before(days: int) -> Iterator[date]:
    return (LAST - timedelta(days=back) for back in range(days - 1, -1, -1))


def chance_days(
    seed: int, mean: float, *, days: int = 49, halved: int = 0, swing: float = 0.0, spend: int = 50_000
) -> list[Day]:
    """Days of leads by chance; in the last ``halved`` of them half as many, and half as many bookings of 40 leads."""
    chance, made = Random(seed), []
    for day in before(days):
        half = 0.5 if (LAST - day).days < halved else 1.0
        leads = count(chance, mean * half, swing)
        made.append(Day(day, leads=leads, spend_minor=spend, currency="USD"))
    return made


def as_bookings(days: Sequence[Day]) -> list[Day]:
    """The same counts as calls booked by 40 leads a day."""
    return [replace(day, leads=40, booked=int(day.leads or 0)) for day in days]


def steady(
    new: float, base: float, *, days: int = 35, window: int = 7, spend: int = 50_000, booked: int | None = None
) -> list[Day]:
    return [
        Day(
            day,
            leads=new if (LAST - day).days < window else base,
            spend_minor=spend,
            currency="USD",
            booked=booked,
        )
        for day in before(days)
    ]


def outcome(read: Reading) -> tuple[str, object]:
    return read.level, read.change


def found(detector: Detector, days: list[Day], *, windows: int) -> bool:
    """Whether one of the last ``windows`` windows, a week apart, finds something."""
    return any(detector(days, last=LAST - WEEK * back).level == "watch" for back in range(windows))


def share(detector: Detector, trials: int, mean: float, *, halved: int, windows: int, swing: float = 0.0) -> float:
    prepare = as_bookings if detector is calls_unbooked else list
    hits = 0
    for seed in range(trials):
        days = prepare(chance_days(seed, mean, halved=halved, swing=swing, days=84 if mean < 4 else 49))
        hits += found(detector, days, windows=windows)
    return hits / trials


# --- power and false alarms ------------------------------------------------------------------------------------------


def test_r43_half_the_leads_are_found_within_two_windows() -> None:
    assert share(lead_volume, 400, 8, halved=14, windows=2) >= 0.9


def test_r44_leads_that_cost_twice_as_much_are_found_within_two_windows() -> None:
    assert share(cpl, 400, 8, halved=14, windows=2) >= 0.9


def test_r45_half_the_bookings_are_found_within_two_windows() -> None:
    assert share(calls_unbooked, 400, 8, halved=14, windows=2) >= 0.9


@pytest.mark.parametrize("swing", [0.0, SWINGING], ids=["chance alone", "swinging"])
@pytest.mark.parametrize("mean", [3, 8, 30])
def test_r43_a_steady_customer_is_hardly_ever_flagged(mean: float, swing: float) -> None:
    assert share(lead_volume, 800, mean, halved=0, windows=1, swing=swing) <= 0.015


@pytest.mark.parametrize("detector", [cpl, calls_unbooked])
def test_r44_r45_a_steady_customer_is_hardly_ever_flagged_for_cost_or_bookings(detector: Detector) -> None:
    assert share(detector, 800, 8, halved=0, windows=1, swing=SWINGING) <= 0.015


@pytest.mark.long
@pytest.mark.parametrize("detector", [lead_volume, cpl, calls_unbooked])
@pytest.mark.parametrize("mean", [8, 15, 30])
def test_r43_r44_r45_a_step_to_half_is_found_in_many_trials(detector: Detector, mean: float) -> None:
    assert share(detector, 4_000, mean, halved=14, windows=2) >= 0.9


@pytest.mark.long
@pytest.mark.parametrize("swing", [0.0, SWINGING], ids=["chance alone", "swinging"])
@pytest.mark.parametrize("detector", [lead_volume, cpl, calls_unbooked])
@pytest.mark.parametrize("mean", [1, 2, 3, 4, 8, 15, 30])
def test_r43_r44_r45_false_alarms_are_rare_in_many_trials(detector: Detector, mean: float, swing: float) -> None:
    assert share(detector, 8_000, mean, halved=0, windows=1, swing=swing) <= 0.015


# --- what is compared ------------------------------------------------------------------------------------------------


def test_r43_a_reading_says_what_changed_and_can_be_computed_again() -> None:
    read = lead_volume(steady(4, 8), last=LAST)
    assert outcome(read) == ("watch", pytest.approx(-0.5))
    assert read.window == (LAST - timedelta(days=6), LAST)
    assert read.baseline == (LAST - timedelta(days=34), LAST - timedelta(days=7))
    assert (read.median_7, read.median_30) == (4, 8)
    told = read.inputs
    again = rate_drop(
        told["events_new"], told["exposure_new"], told["events_base"], told["exposure_base"], phi=told["phi"]
    )
    assert (again.change, again.p_value) == (read.change, read.p_value)


def test_r43_a_small_fall_is_no_finding_however_certain() -> None:
    assert lead_volume(steady(850, 1_000), last=LAST).level == "none"
    assert lead_volume(steady(790, 1_000), last=LAST).level == "watch"


def test_r43_quiet_weekends_are_no_fall() -> None:
    days = [replace(day, leads=0 if day.day.weekday() >= 5 else 12) for day in steady(0, 0, days=42)]
    for back in range(7):
        assert lead_volume(days, last=LAST - timedelta(days=back)).level == "none"


def test_r43_only_the_same_weekdays_are_compared() -> None:
    """Weekdays have 12 leads and weekends none; two weekdays of the window were paused."""
    quiet = [replace(day, leads=0 if day.day.weekday() >= 5 else 12) for day in steady(0, 0)]
    days = [replace(day, active=LAST - day.day not in (timedelta(days=5), timedelta(days=6))) for day in quiet]
    read = lead_volume(days, last=LAST)
    assert outcome(read) == ("none", pytest.approx(0))
    assert (read.inputs["days_new"], read.inputs["days_base"], read.inputs["days_paused"]) == (5, 20, 2)


def test_r43_few_leads_are_read_over_two_weeks_and_the_plain_change_is_told() -> None:
    read = lead_volume(steady(1, 2, days=70, window=14), last=LAST)
    assert read.window == (LAST - timedelta(days=13), LAST)
    assert outcome(read) == ("watch", pytest.approx(-0.5))
    few = lead_volume(steady(0.25, 0.5, days=42, window=14), last=LAST)
    assert outcome(few) == ("insufficient", pytest.approx(-0.5))


def test_r43_two_bad_weeks_do_not_choose_a_longer_window_for_themselves() -> None:
    read = lead_volume(steady(0, 3.5, days=70, window=14), last=LAST)
    assert read.window == (LAST - timedelta(days=6), LAST)


@pytest.mark.parametrize(
    ("days", "reason"),
    [
        (steady(0, 8, days=20), "7 days to compare with, 14 are needed"),
        (steady(0, 4)[-3:], "3 of the window's 7 days can be used"),
        ([], "0 of the window's 7 days can be used"),
        ([replace(day, active=False) for day in steady(0, 8)], "0 of the window's 7 days can be used"),
        ([replace(day, leads=None) for day in steady(0, 8)], "0 of the window's 7 days can be used"),
        (steady(8, 8)[:-5], "2 of the window's 7 days can be used"),
    ],
)
def test_r43_too_little_data_is_said_and_never_fine(days: list[Day], reason: str) -> None:
    read = lead_volume(days, last=LAST)
    assert (read.level, read.p_value, read.reason) == ("insufficient", None, reason)


def test_r43_too_few_events_are_not_enough_days_or_not() -> None:
    read = lead_volume(steady(0, 0.5, days=70, window=14), last=LAST, limits=Limits(least_events=29))
    assert (read.level, read.reason) == ("insufficient", "28 events to compare with, 29 are needed")


def test_r43_days_after_the_window_change_nothing_and_order_neither() -> None:
    days = chance_days(3, 8)
    at = LAST - WEEK
    told = lead_volume(days, last=at)
    assert told == lead_volume([day for day in reversed(days) if day.day <= at], last=at)


def test_a_day_that_is_told_twice_is_refused_with_what_to_do() -> None:
    days = steady(8, 8)
    with pytest.raises(ValueError, match="add up"):
        lead_volume([*days, days[0]], last=LAST)


# --- cost per lead ---------------------------------------------------------------------------------------------------


def test_r44_the_change_is_that_of_the_cost() -> None:
    read = cpl(steady(4, 8, spend=40_000), last=LAST)
    assert outcome(read) == ("watch", pytest.approx(1.0))
    assert (read.median_7, read.median_30) == (10_000, 5_000)


def test_r44_twice_the_spend_for_as_many_leads_is_found_and_less_of_both_is_not() -> None:
    days = steady(8, 8, spend=40_000)
    dearer = [replace(day, spend_minor=80_000 if LAST - day.day < WEEK else 40_000) for day in days]
    assert cpl(dearer, last=LAST).change == pytest.approx(1.0)
    assert cpl(dearer, last=LAST).level == "watch"
    less = [replace(day, spend_minor=20_000 if LAST - day.day < WEEK else 40_000) for day in steady(4, 8)]
    assert (cpl(less, last=LAST).level, lead_volume(less, last=LAST).level) == ("none", "watch")


def test_r44_a_rise_of_a_fifth_is_the_least_that_counts() -> None:
    days = steady(1_000, 1_000, spend=100_000)
    for spend, level in ((118_000, "none"), (121_000, "watch")):
        dearer = [replace(day, spend_minor=spend) if LAST - day.day < WEEK else day for day in days]
        assert cpl(dearer, last=LAST).level == level


def test_r44_no_leads_at_all_have_no_cost_and_are_found() -> None:
    read = cpl(steady(0, 8), last=LAST)
    assert (read.level, read.change, read.median_7) == ("watch", None, None)
    assert read.p_value is not None
    assert read.p_value < 1e-6


def test_r44_days_without_spend_say_nothing_about_the_cost() -> None:
    days = [replace(day, spend_minor=0, leads=3) if (LAST - day.day).days % 7 == 2 else day for day in steady(8, 8)]
    read = cpl(days, last=LAST)
    assert outcome(read) == ("none", pytest.approx(0))
    assert (read.inputs["days_new"], read.inputs["days_base"]) == (6, 24)
    unspent = cpl([replace(day, spend_minor=0) for day in days], last=LAST)
    assert outcome(unspent) == ("insufficient", None)


def test_r44_figures_in_two_currencies_are_never_compared() -> None:
    days = steady(8, 8, days=49)
    long_ago = [replace(d, currency="EUR", spend_minor=1) if LAST - d.day >= 4 * WEEK else d for d in days]
    assert cpl(long_ago, last=LAST).level == "none"
    assert cpl(long_ago, last=LAST).inputs["days_base"] == 21
    lately = [replace(d, currency="EUR", spend_minor=1) if LAST - d.day >= WEEK else d for d in days]
    assert cpl(lately, last=LAST).level == "insufficient"


def test_r44_a_paused_campaign_is_no_rise_and_no_fall() -> None:
    days = [
        replace(day, active=False, leads=0, spend_minor=500) if (LAST - day.day).days < 3 else day
        for day in steady(8, 8)
    ]
    for detector in (cpl, lead_volume):
        read = detector(days, last=LAST)
        assert outcome(read) == ("none", pytest.approx(0))
        assert read.inputs["days_paused"] == 3


# --- calls -----------------------------------------------------------------------------------------------------------


def test_r45_fewer_bookings_of_as_many_leads_are_found() -> None:
    days = [replace(day, booked=4 if LAST - day.day < WEEK else 8) for day in steady(16, 16)]
    read = calls_unbooked(days, last=LAST)
    assert outcome(read) == ("watch", pytest.approx(-0.5))
    assert (read.median_7, read.median_30) == (0.25, 0.5)


def test_r45_fewer_leads_that_book_as_readily_are_no_finding() -> None:
    days = [replace(day, booked=4 if LAST - day.day < WEEK else 8) for day in steady(8, 16)]
    assert calls_unbooked(days, last=LAST).level == "none"


def test_r45_calls_that_were_cancelled_or_missed_were_booked_and_are_told_apart() -> None:
    days = [
        replace(day, cancelled=3, no_show=2) if LAST - day.day < WEEK else replace(day, cancelled=1)
        for day in steady(16, 16, booked=8)
    ]
    read = calls_unbooked(days, last=LAST)
    assert outcome(read) == ("none", pytest.approx(0))
    told = {name: read.inputs[f"{name}"] for name in ("cancelled_new", "cancelled_base", "no_show_new", "no_show_base")}
    assert told == {"cancelled_new": 21, "cancelled_base": 28, "no_show_new": 14, "no_show_base": 0}


def test_r45_bookings_that_nobody_told_of_are_not_none() -> None:
    assert calls_unbooked(steady(16, 16), last=LAST).level == "insufficient"


def test_r45_nobody_who_could_have_booked_is_not_a_fall() -> None:
    days = [replace(day, booked=0 if LAST - day.day < WEEK else 8) for day in steady(0, 16)]
    read = calls_unbooked(days, last=LAST)
    assert (read.level, read.reason) == ("insufficient", "nobody came who could have booked")


# --- levels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("apart", "earlier", "later", "level"),
    [
        (3, "watch", "watch", "at_risk"),
        (28, "at_risk", "watch", "at_risk"),
        (2, "watch", "watch", "watch"),
        (29, "watch", "watch", "watch"),
        (7, "none", "watch", "watch"),
        (7, "insufficient", "watch", "watch"),
        (7, "watch", "none", "none"),
        (7, "watch", "insufficient", "insufficient"),
    ],
)
def test_r43_what_is_found_twice_days_apart_is_at_risk(apart: int, earlier: Level, later: Level, level: Level) -> None:
    past, now = Past(LAST - timedelta(days=apart), earlier), Past(LAST, later)
    assert confirm(past, now) == confirm([past], now) == level


def test_r43_a_reading_is_confirmed_by_a_reading() -> None:
    days = steady(3, 9, days=49, window=10)
    first, second = (lead_volume(days, last=LAST - timedelta(days=back)) for back in (3, 0))
    assert (first.level, second.level) == ("watch", "watch")
    assert confirm(first, second) == "at_risk"
    assert confirm([], second) == "watch"


def test_two_signals_or_no_answer_are_at_risk_together() -> None:
    assert severity({"lead_volume_drop": "none", "cpl_rise": "insufficient"}) is None
    assert severity({"lead_volume_drop": "watch", "cpl_rise": "none"}) == "watch"
    assert severity({"lead_volume_drop": "watch", "cpl_rise": "watch"}) == "at_risk"
    assert severity({"lead_volume_drop": "at_risk"}) == "at_risk"
    assert severity({}, no_response=True) == "at_risk"


anything = st.builds(
    Day,
    day=st.integers(0, 70).map(lambda back: LAST - timedelta(days=back)),
    leads=st.none() | st.integers(0, 40),
    spend_minor=st.none() | st.integers(0, 90_000),
    currency=st.none() | st.sampled_from(["USD", "EUR"]),
    booked=st.none() | st.integers(0, 40),
    cancelled=st.integers(0, 5),
    no_show=st.integers(0, 5),
    active=st.booleans(),
)


@given(st.lists(anything, max_size=70, unique_by=lambda day: day.day), st.integers(0, 30))
def test_whatever_the_days_a_level_is_given_with_a_reason_where_nothing_can_be_told(days: list[Day], back: int) -> None:
    for detector in (lead_volume, cpl, calls_unbooked):
        read = detector(days, last=LAST - timedelta(days=back))
        assert (read.level == "insufficient") == (read.reason is not None) == (read.p_value is None)
        assert read.level != "watch" or (read.p_value or 0) <= 0.01
