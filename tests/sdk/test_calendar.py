"""Business time, and wall-clock times where clocks are changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seamline.calendar import BusinessHours, local_time_on, next_local
from seamline.errors import ConfigError

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
HOUR = timedelta(hours=1)
OFFICE = BusinessHours(BERLIN, holidays=[date(2026, 4, 3), date(2026, 4, 6)])
#: Open on Sundays too, over the hours at which clocks change.
NIGHT = BusinessHours(NEW_YORK, days=range(7), opens=time(1, 30), closes=time(0), holidays=[date(2026, 7, 4)])
GAP_ONLY = BusinessHours(BERLIN, days=[6], opens=time(2, 10), closes=time(2, 50))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def berlin(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(BERLIN)).astimezone(UTC)  # type: ignore[misc, arg-type]


def between(first: date, last: date) -> st.SearchStrategy[datetime]:
    bounds = (datetime.combine(day, time(0)) for day in (first, last))
    return st.datetimes(*bounds, timezones=st.just(UTC))


# --- wall-clock times ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "at", "tz", "expected"),
    [
        (date(2026, 1, 15), time(9), BERLIN, utc(2026, 1, 15, 8)),
        (date(2026, 7, 15), time(9), BERLIN, utc(2026, 7, 15, 7)),
        (date(2026, 3, 29), time(2), BERLIN, utc(2026, 3, 29, 1)),
        (date(2026, 3, 29), time(2, 30), BERLIN, utc(2026, 3, 29, 1)),
        (date(2026, 3, 29), time(2, 59, 59, 999_999), BERLIN, utc(2026, 3, 29, 1)),
        (date(2026, 3, 29), time(3), BERLIN, utc(2026, 3, 29, 1)),
        (date(2026, 10, 25), time(2, 30), BERLIN, utc(2026, 10, 25, 0, 30)),
        (date(2026, 10, 25), time(3), BERLIN, utc(2026, 10, 25, 2)),
        (date(2026, 3, 8), time(2, 15), NEW_YORK, utc(2026, 3, 8, 7)),
        (date(2026, 10, 4), time(2, 15), "Australia/Lord_Howe", utc(2026, 10, 3, 15, 30)),
        # Samoa left the 30th of December 2011 out.
        (date(2011, 12, 30), time(9), "Pacific/Apia", utc(2011, 12, 30, 10)),
    ],
)
def test_a_skipped_time_is_the_first_instant_after_the_gap_and_a_double_one_the_first(
    day: date, at: time, tz: str, expected: datetime
) -> None:
    assert local_time_on(day, at, tz) == expected


days = st.dates(date(2020, 1, 1), date(2030, 12, 31))
times = st.times()
zones = st.sampled_from(
    [
        BERLIN,
        NEW_YORK,
        "UTC",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "America/Santiago",
        "America/Havana",
        "Asia/Beirut",
    ]
)


@given(days, times, times, zones)
def test_later_on_the_clock_is_never_earlier_in_time(day: date, one: time, other: time, tz: str) -> None:
    first, second = sorted((one, other))
    assert local_time_on(day, first, tz) <= local_time_on(day, second, tz)


@given(days, times, zones)
def test_the_clock_shows_the_time_or_has_just_been_put_forward_past_it(day: date, at: time, tz: str) -> None:
    found = local_time_on(day, at, tz)
    shown = found.astimezone(ZoneInfo(tz)).replace(tzinfo=None)
    if shown != datetime.combine(day, at):
        before = (found - timedelta(seconds=1)).astimezone(ZoneInfo(tz)).replace(tzinfo=None)
        assert before < datetime.combine(day, at) < shown


@given(between(date(2020, 1, 1), date(2030, 1, 1)), times, zones)
def test_the_next_time_of_day_is_after_and_within_a_day_and_the_change_of_the_clock(
    after: datetime, at: time, tz: str
) -> None:
    found = next_local(after, at, tz)
    assert after < found <= after + timedelta(hours=26)
    local = after.astimezone(ZoneInfo(tz)).date()
    around = [local_time_on(local + timedelta(days=by), at, tz) for by in (-1, 0, 1, 2)]
    assert found == min(instant for instant in around if instant > after)


def test_a_daily_time_that_comes_twice_is_kept_once() -> None:
    first = next_local(utc(2026, 10, 24, 12), time(2, 30), BERLIN)
    assert first == utc(2026, 10, 25, 0, 30)
    assert next_local(first, time(2, 30), BERLIN) == utc(2026, 10, 26, 1, 30)


# --- business hours --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "hours", "expected"),
    [
        (berlin(2026, 3, 4, 10), 2, berlin(2026, 3, 4, 12)),
        (berlin(2026, 3, 4, 16), 2, berlin(2026, 3, 5, 10)),
        (berlin(2026, 3, 6, 16), 2, berlin(2026, 3, 9, 10)),
        (berlin(2026, 3, 7, 12), 0, berlin(2026, 3, 9, 9)),
        (berlin(2026, 3, 4, 5), 0, berlin(2026, 3, 4, 9)),
        (berlin(2026, 3, 4, 9), 8, berlin(2026, 3, 5, 9)),
        (berlin(2026, 3, 4, 17), 0, berlin(2026, 3, 5, 9)),
        # Over Easter's holidays and the change to summer time.
        (berlin(2026, 3, 27, 16), 2, berlin(2026, 3, 30, 10)),
        (berlin(2026, 4, 2, 16), 2, berlin(2026, 4, 7, 10)),
    ],
)
def test_business_time_passes_only_in_business_hours(start: datetime, hours: int, expected: datetime) -> None:
    assert OFFICE.add(start, HOUR * hours) == expected


def test_hours_that_the_clock_skips_or_repeats_are_as_long_as_they_are() -> None:
    assert NIGHT.add(utc(2026, 3, 8, 6, 30), HOUR) == utc(2026, 3, 8, 7, 30)
    assert NIGHT.add(utc(2026, 3, 8, 6, 30), HOUR * 21.5) == utc(2026, 3, 9, 5, 30)
    assert NIGHT.add(utc(2026, 11, 1, 5, 30), HOUR * 23.5) == utc(2026, 11, 2, 6, 30)


def test_a_day_whose_hours_the_clock_skips_is_no_day() -> None:
    assert GAP_ONLY.next_open(utc(2026, 3, 28)) == berlin(2026, 4, 5, 2, 10)


def test_somebody_is_there_from_the_opening_until_just_before_the_closing() -> None:
    opened, closed = berlin(2026, 3, 4, 9), berlin(2026, 3, 4, 17)
    instant = timedelta(microseconds=1)
    assert [OFFICE.is_open(at) for at in (opened - instant, opened, closed - instant, closed)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert not OFFICE.is_open(berlin(2026, 4, 3, 12))


instants = between(date(2026, 1, 1), date(2026, 12, 31))
spans = st.timedeltas(timedelta(0), timedelta(days=6))
MIDNIGHTS = BusinessHours("Asia/Beirut", days=range(7), opens=time(22), closes=time(0))
hours = st.sampled_from(
    [MIDNIGHTS, OFFICE, NIGHT, GAP_ONLY, BusinessHours(days=[2, 5], opens=time(23), closes=time(0))]
)


@given(hours, instants)
def test_adding_nothing_is_the_next_opening(office: BusinessHours, start: datetime) -> None:
    found = office.add(start, timedelta(0))
    assert found == office.next_open(start) >= start
    assert office.is_open(found)
    assert office.is_open(start) == (found == start)


@given(hours, instants, instants, spans, spans)
@settings(deadline=None)
def test_adding_is_monotone(office: BusinessHours, one: datetime, other: datetime, a: timedelta, b: timedelta) -> None:
    (early, late), (short, long) = sorted((one, other)), sorted((a, b))
    assert office.add(early, short) <= office.add(late, short)
    assert office.add(early, short) <= office.add(early, long)


@given(hours, instants, spans, spans)
@settings(deadline=None)
def test_adding_is_additive(office: BusinessHours, start: datetime, a: timedelta, b: timedelta) -> None:
    assert office.add(office.add(start, a), b) == office.add(start, a + b)


@pytest.mark.parametrize(
    ("wrong", "mend"),
    [
        ({"tz": "Mars/Olympus"}, "there is no time zone 'Mars/Olympus'"),
        ({"tz": "../etc/passwd"}, "there is no time zone"),
        ({"days": []}, "at least one"),
        ({"days": [7]}, "0 \\(Monday\\) to 6"),
        ({"opens": time(17), "closes": time(9)}, "17:00:00 is not before 09:00:00"),
        ({"opens": time(9, tzinfo=UTC)}, "without a time zone of their own"),
    ],
)
def test_hours_that_cannot_be_are_refused_with_what_is_wrong(wrong: dict[str, object], mend: str) -> None:
    with pytest.raises(ConfigError, match=mend):
        BusinessHours(**wrong)  # type: ignore[arg-type]


def test_a_time_without_a_zone_and_time_that_runs_backward_are_refused() -> None:
    for ask in (OFFICE.is_open, OFFICE.next_open):
        with pytest.raises(ValueError, match="no instant"):
            ask(datetime(2026, 3, 4, 9))  # noqa: DTZ001
    with pytest.raises(ValueError, match="only runs forward"):
        OFFICE.add(utc(2026, 3, 4), -HOUR)
