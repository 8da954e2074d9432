"""Judging the claims, and the page that tells of them."""

from __future__ import annotations

from benchmarks.claims import Latency, Ratio
from benchmarks.contestant import INGEST
from benchmarks.contestants import CONTESTANTS
from benchmarks.measure import Run
from benchmarks.report import results

RATIO = Ratio("twice as cheap", over=("rival", INGEST), under=("fair rival", INGEST), at_least=2)


def run(contestant: str, number: int, cpu: float, p99_ms: float = 10.0, problems: tuple[str, ...] = ()) -> Run:
    return Run(
        contestant=contestant,
        phase=INGEST,
        round=number,
        accepted=100,
        cpu_us={"server": cpu * 0.75, "database": cpu * 0.25},
        rss_mib={},
        arrivals_per_second=1_000,
        done_per_second=1_000,
        p50_ms=p99_ms / 2,
        p99_ms=p99_ms,
        max_ms=p99_ms,
        statuses={},
        problems=list(problems),
    )


def test_a_ratio_is_taken_within_each_round_and_its_median_counts() -> None:
    runs = [run("rival", 0, 300), run("fair rival", 0, 100), run("rival", 1, 1_000), run("fair rival", 1, 400)]
    verdict = RATIO.judge([*runs, run("rival", 2, 150), run("fair rival", 2, 100)])
    assert verdict is not None
    assert verdict.measured == "2.50 [1.50-3.00]"
    assert verdict.reached
    assert verdict.detail == "300 µs (server 225, database 75) : 100 µs (server 75, database 25)"


def test_a_run_that_lost_something_is_in_no_figure_but_on_the_page() -> None:
    runs = [run("rival", 0, 300), run("fair rival", 0, 1, problems=("effects: 199 instead of 200",))]
    assert RATIO.judge(runs) is None
    page = results(["a machine"], CONTESTANTS, [RATIO], runs)
    assert "fair rival, ingest, round 1: effects: 199 instead of 200" in page
    assert "## Claims" not in page


def test_a_latency_claim_needs_both_percentiles() -> None:
    runs = [run("rival", 0, 1, p99_ms=20), run("rival", 1, 1, p99_ms=24)]
    slow, fast = Latency("slow", ("rival", INGEST), 30, 10), Latency("fast", ("rival", INGEST), 30, 11)
    assert [verdict.reached for claim in (slow, fast) if (verdict := claim.judge(runs))] == [False, True]


def test_the_page_shows_the_parts_beside_the_ratios() -> None:
    page = results(["a machine"], CONTESTANTS, [RATIO], [run("rival", 0, 300), run("fair rival", 0, 200)])
    assert "| twice as cheap | ≥ 2 | 1.50 [1.50-1.50] | 300 µs (server 225, database 75)" in page
    assert "| **no** |" in page
    assert "| fair rival | 200 [200-200] | 150 |  | 50 |  | 1,000 [1,000-1,000] |" in page
