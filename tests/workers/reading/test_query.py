"""What a list is asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamline_workers.store.reading import moment
from seamline_workers.store.reading.page import cursor_of, key_of
from seamline_workers.store.reading.query import InvalidQuery, Query, TypeGlob
from support.seed import START


def test_every_word_that_does_not_fit_is_named_at_once() -> None:
    words = {"limit": "0", "colour": "red", "since": "yesterday", "state": "happy", "type": "PROPOSAL!"}
    with pytest.raises(InvalidQuery) as refused:
        Query.read(words, states=("open", "cleared"), now=START)
    assert [error["path"] for error in refused.value.errors] == ["limit", "colour", "since", "state", "type"]
    assert "open, cleared" in refused.value.errors[3]["message"]


def test_a_filter_that_the_list_does_not_take_is_unknown_to_it() -> None:
    with pytest.raises(InvalidQuery, match="source"):
        Query.read({"source": "crm"}, filters=("account",), now=START)


@pytest.mark.parametrize("word", ["1001", "-1", "1.5", "ten", "", "٣"])
def test_a_limit_outside_of_1_to_1000_is_refused(word: str) -> None:
    with pytest.raises(InvalidQuery, match="limit"):
        Query.read({"limit": word}, now=START)


@pytest.mark.parametrize(
    ("word", "pattern", "version"),
    [
        ("proposal.viewed", "proposal.viewed", None),
        ("seamline.proposal.viewed.v1", "proposal.viewed", 1),
        ("proposal.viewed.v2", "proposal.viewed", 2),
        ("seamline.proposal.*", "proposal.*", None),
        ("*.viewed", "*.viewed", None),
    ],
)
def test_a_type_is_read_with_or_without_prefix_and_version(word: str, pattern: str, version: int | None) -> None:
    assert TypeGlob(pattern, version) == TypeGlob.read(word, "seamline")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("2h", START - 7_200_000_000),
        ("7d", START - 7 * 86_400_000_000),
        ("2026-11-20T09:00:00Z", START),
        ("2026-11-20T10:00:00+01:00", START),
        ("2026-11-20T09:00:00.000001Z", START + 1),
        ("2026-11-20T09:00:00.0000019Z", START + 1),
        ("2026-11-20", START - 9 * 3_600_000_000),
    ],
)
def test_times_are_rfc_3339_or_a_span_back_from_now(word: str, expected: int) -> None:
    assert expected == moment.read(word, START)


@pytest.mark.parametrize("word", ["2026-11-20T09:00:00", "h", "2 h", "-2h", "2026-13-01", "20261120", "9" * 30 + "d"])
def test_a_time_without_a_zone_or_a_span_without_a_unit_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="write a time as"):
        moment.read(word, START)


@given(st.integers(-(2**62), 2**62), st.text())
def test_a_cursor_gives_its_key_back(number: int, name: str) -> None:
    assert (number, name) == key_of("handoff", cursor_of("handoff", [number, name]), (int, str))


@given(st.text())
def test_whatever_is_no_cursor_is_a_value_error(word: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        key_of("handoff", word, (int, str))


def test_a_cursor_of_one_list_is_none_of_another() -> None:
    with pytest.raises(InvalidQuery, match="cursor"):
        Query(cursor=cursor_of("event", [1])).after("delivery", int)


def test_a_cursor_with_a_number_beyond_the_stores_is_refused() -> None:
    with pytest.raises(ValueError, match="cursor"):
        key_of("event", cursor_of("event", [2**70]), (int,))
