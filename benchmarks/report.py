"""RESULTS.md: the tables of a benchmark's runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from benchmarks.claims import Claim, Spread, Verdict
from benchmarks.contestant import AS_SHIPPED, END_TO_END, HALF_LOAD, HOT, INGEST, Contestant
from benchmarks.measure import Run

PARTS = ("server", "worker", "database", "broker")
ABOUT = {
    INGEST: "The front door alone: verify, store, commit, 2xx; no worker runs. 32 connections, closed loop.",
    END_TO_END: "In, durable, normalized, account, event, two seats' handlers with one effect each, exactly once; 32 "
    "connections, closed loop, then drained. CPU from the first request to the last effect row.",
    HOT: "The same with a fifth of all events about one account.",
    AS_SHIPPED: "`seamline serve` as it starts by itself, with its worker, and the same load as end to end: the "
    "acknowledgements while the worker is busy.",
    HALF_LOAD: "The front door alone at half of the requests per second that it reached in the same round.",
}
METHOD = """\
CPU is user plus system time of whole process trees from /proc, in microseconds per accepted webhook; the sender is not
counted. Every contestant checks the same signature over the same bodies (about 700 bytes, unique ids) and is warmed up
before it is measured. Rounds are interleaved: each round runs every contestant once, so compare within this page only.
A cell is the median of the rounds [lowest-highest]; a ratio is taken within each round. After every run the rows are
counted: as many deliveries and events as were accepted, twice as many effects, none doubled. 10,000 accounts for 6,000
events, and proportionally fewer where a run is shorter, so that the same share of events makes a new account."""


def results(
    machine: Sequence[str],
    contestants: Sequence[Contestant],
    claims: Sequence[Claim],
    runs: Sequence[Run],
    beside: Sequence[Verdict] = (),
) -> str:
    """The page; ``beside``: verdicts on what was measured apart from the rounds."""
    rounds = 1 + max((run.round for run in runs), default=0)
    head = ["# Results", "", f"Written by `make bench`; interleaved rounds: {rounds}.", ""]
    blocks = [
        "\n".join(head + [f"- {line}" for line in machine]),
        METHOD,
        "\n".join(f"- **{contestant.name}**: {contestant.what}" for contestant in contestants),
        *_problems(runs),
        *_verdicts([*(verdict for claim in claims if (verdict := claim.judge(runs)) is not None), *beside]),
    ]
    for phase in ABOUT:
        blocks.extend(_table(phase, contestants, [run for run in runs if run.phase == phase]))
    return "\n\n".join(blocks) + "\n"


def _problems(runs: Sequence[Run]) -> Iterable[str]:
    wrong = [run for run in runs if run.problems]
    if wrong:
        yield "## Runs that went wrong, and are not in the figures"
        yield "\n".join(
            f"- {run.contestant}, {run.phase}, round {run.round + 1}: {'; '.join(run.problems)}" for run in wrong
        )


def _verdicts(verdicts: Sequence[Verdict]) -> Iterable[str]:
    if verdicts:
        yield "## Claims"
        yield _markdown(
            ("claim", "wanted", "measured", "behind it (medians)", "reached"),
            [
                (
                    verdict.claim,
                    verdict.wanted,
                    verdict.measured,
                    verdict.detail,
                    "yes" if verdict.reached else "**no**",
                )
                for verdict in verdicts
            ],
        )


def _table(phase: str, contestants: Sequence[Contestant], runs: Sequence[Run]) -> Iterable[str]:
    rows = []
    for contestant in contestants:
        found = [run for run in runs if run.contestant == contestant.name and not run.problems]
        if found:
            rows.append((contestant.name, *_figures(found, runs)))
    if rows:
        yield f"## {phase.capitalize()}"
        yield ABOUT[phase]
        rate = "requests/s" if phase in (INGEST, HALF_LOAD) else "events/s"
        yield _markdown(
            ("", "CPU µs", *PARTS, rate, "ack p50 ms", "ack p99 ms", "rival ÷ this", "fair rival ÷ this"), rows
        )


def _figures(found: Sequence[Run], runs: Sequence[Run]) -> tuple[str, ...]:
    split = (f"{median(run.cpu_us[part] for run in found):,.0f}" if part in found[0].cpu_us else "" for part in PARTS)
    return (
        Spread.of([run.cpu for run in found]).text(),
        *split,
        Spread.of([run.done_per_second for run in found]).text(),
        Spread.of([run.p50_ms for run in found]).text(1),
        Spread.of([run.p99_ms for run in found]).text(1),
        _times("rival", found, runs),
        _times("fair rival", found, runs),
    )


def _times(other: str, found: Sequence[Run], runs: Sequence[Run]) -> str:
    """How many times the CPU of ``found`` another contestant takes, within the rounds."""
    theirs = {run.round: run.cpu for run in runs if run.contestant == other and not run.problems}
    ratios = [theirs[run.round] / run.cpu for run in found if run.round in theirs]
    return Spread.of(ratios).text(2) if ratios and found[0].contestant != other else ""


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
