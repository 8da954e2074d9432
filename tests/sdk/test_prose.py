"""Numbers of metrics in prose: what is read, and what is rather left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamline.prose import stated_in


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("We had 42 leads.", [("leads", 42)]),
        ("Leads: 42, spend: $1,234.50", [("leads", 42), ("spend", 123_450)]),
        ("leads:42\nspend=99.5\nCPL = €12", [("leads", 42), ("spend", 9_950), ("cpl", 1_200)]),
        ("$1,234.50 spend and 1,042 new leads", [("spend", 123_450), ("leads", 1_042)]),
        ("Your cost per lead was $29.39 this week", [("cpl", 2_939)]),
        ("a spend of US$ 1,000 brought 40 leads", [("spend", 100_000), ("leads", 40)]),
        ("We spent 1,234.50 EUR; 8 calls booked.", [("spend", 123_450), ("calls_booked", 8)]),
        ("42 leads at $30 CPL", [("leads", 42), ("cpl", 3_000)]),
        ("12 leads a day from 10 calls and 50 leads", [("leads", 12), ("leads", 50)]),
        ("leads were 0", [("leads", 0)]),
        ("1 lead", [("leads", 1)]),
        ("more than 40 leads: 42", [("leads", 42)]),
        ("3 spend: $40", [("spend", 4_000)]),
    ],
)
def test_r3_r40_a_number_next_to_its_metric_is_read(text: str, stated: list[tuple[str, int]]) -> None:
    assert stated_in(text) == stated


@pytest.mark.parametrize(
    "text",
    [
        "leads up 20 %",
        "leads: 20%",
        "40-50 leads",
        "leads 40 to 50",
        "between 40 and 50 leads",
        "more than 40 leads",
        "about 40 leads",
        "your top 10 leads",
        "leads on 2026-11-01 leads",
        "1.2k spend",
        "spend: 1.234,50",
        "we spent 3 days",
        "spend: 7 000",
        "$42 leads",
        "Q3 leads",
        "at 10:30 leads came",
        "42 qualified leads",
        "leadership: 42",
        "re-leads: 4",
        "",
    ],
)
def test_r3_r40_what_may_mean_something_else_is_left_alone(text: str) -> None:
    assert stated_in(text) == []


def test_r3_r40_other_metrics_have_their_own_words() -> None:
    said = {"clicks": ["clicks", "link clicks"], "spend": ["budget"]}
    assert stated_in("30 link clicks, budget: 7,000", said) == [("clicks", 30), ("spend", 700_000)]
    assert stated_in("spend: ¥1200 spend: 1200", {"spend": ["spend"]}, minor_digits=0) == [
        ("spend", 1200),
        ("spend", 1200),
    ]
    assert stated_in("42 leads", {}) == []


@given(st.integers(0, 10**7), st.integers(0, 99), st.integers(0, 10**6))
def test_r3_r40_whatever_is_written_out_is_read_back(whole: int, cents: int, leads: int) -> None:
    text = f"This month: {leads:,} leads, spend ${whole:,}.{cents:02}. CPL: {whole}.{cents:02} USD"
    assert stated_in(text) == [("leads", leads), ("spend", whole * 100 + cents), ("cpl", whole * 100 + cents)]


@given(st.text("0123456789,.$%-: leadspcng\n", max_size=200))
def test_any_text_is_read_in_time(text: str) -> None:
    for metric, value in stated_in(text):
        assert metric in {"leads", "spend", "cpl"}
        assert value >= 0
