"""Population: the claim, and its place on the page."""

from __future__ import annotations

from benchmarks.contestants import CONTESTANTS
from benchmarks.population import Population, put
from benchmarks.population import page as section
from benchmarks.report import results


def test_many_accounts_may_cost_a_third_more_than_few() -> None:
    kept, broken = (
        Population("SQLite", 100_000, 300.0, 310.0, 389.0, 1.0),
        Population("SQLite", 100_000, 300.0, 310.0, 391.0, 1.0),
    )
    assert kept.verdict.reached
    assert not broken.verdict.reached
    page = results(["a machine"], CONTESTANTS, (), (), [broken.verdict])
    claim = "population: seamline on SQLite, 100,000 accounts over 100"
    assert f"| {claim} | ≤ 1.3 | 1.30 | 391 µs : 300 µs; 310 µs where only 100 are active | **no** |" in page


def test_fewer_accounts_than_wanted_are_said_to_be_fewer() -> None:
    assert "yes, among 5% of the accounts wanted" in section(
        [Population("SQLite", 5_000, 300.0, 300.0, 301.0, 1.0)], ()
    )


def test_a_section_takes_the_place_of_the_one_before() -> None:
    first = put("# Results\n\n## Growth\n\nsome\n\n## Isolation\n\nmore\n", "## Population\n\nfirst")
    assert first == "# Results\n\n## Growth\n\nsome\n\n## Population\n\nfirst\n\n## Isolation\n\nmore\n"
    assert put(first, "## Population\n\nsecond") == first.replace("first", "second")
