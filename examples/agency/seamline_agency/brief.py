"""A brief: the figures that an account manager says in the next call, and what became of them since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from seamline.events import BriefIssued, Figure, MetricsCorrected, MetricsMissing, MetricsSnapshot, MetricsTrustAssessed
from seamline.figure import MINOR, amount, corrections, digits, figures
from seamline_agency.totals import Total, grades_of, told_period, totals, usable

#: How far apart the newest trusted figures and newer provisional ones of one platform may be told in one brief.
BESIDE = timedelta(days=31)


def briefed(snapshots: Sequence[MetricsSnapshot], grades: Mapping[str, str]) -> tuple[Figure, ...]:
    """The figures of each platform's newest trusted period; those of a newer provisional one beside them, labelled."""
    found: list[Figure] = []
    known = totals(usable(snapshots, grades), grades)  # type: ignore[arg-type]
    for platform in sorted({total.snapshot.platform for total in known}):
        mine = [total for total in known if total.snapshot.platform == platform]
        trusted = [total for total in mine if total.grade == "trusted"]
        last = trusted[-1:]
        newer = [
            total
            for total in mine
            if total.grade == "provisional" and (not last or last[0].day < total.day <= last[0].day + BESIDE)
        ]
        for total in (*last, *newer[-1:]):
            found += told(total)
    return tuple(found)


def told(total: Total) -> tuple[Figure, ...]:
    """A total as figures for a brief."""
    assert total.grade is not None
    return figures(total.snapshot, total.grade, snapshot_id=total.snapshot_id)


def lacking(
    snapshots: Sequence[MetricsSnapshot],
    assessed: Sequence[MetricsTrustAssessed],
    missing: Sequence[MetricsMissing],
) -> str | None:
    """Why there is no trusted figure; None: there is one. The sequences are newest first."""
    grades = grades_of(assessed)
    if any(grades.get(str(one.id)) == "trusted" for one in snapshots):
        return None
    if not snapshots:
        days = f"; missing since {missing[-1].day:%Y-%m-%d}" if missing else ""
        return f"no platform has told any figures{days}"
    if any(grades.get(str(one.id)) == "provisional" for one in snapshots):
        return "all figures are provisional: their platform may still count leads into them"
    failed = next((one.failed_checks for one in assessed if one.grade == "untrusted"), ())
    return f"no figures can be trusted: {', '.join(failed).replace('_', ' ') or 'not graded yet'}"


def as_told(
    brief: BriefIssued, corrected: Iterable[MetricsCorrected], sources: Mapping[str, MetricsSnapshot]
) -> tuple[Figure, ...]:
    """A brief's figures as its reader knows them by now: with all corrections that were told."""
    known = list(brief.figures)
    for correction in sorted(corrected, key=lambda one: one.envelope.sequence):
        source = sources.get(correction.snapshot_id)
        if str(brief.id) not in correction.briefs or source is None:
            continue
        for place, figure in enumerate(known):
            if figure.metric in correction.deltas and _same_period(figure, source):
                value = amount(brief.figures[place]) + correction.deltas[figure.metric]
                known[place] = figure.model_copy(
                    update={"value": value, "as_of": source.as_of, "snapshot_id": correction.snapshot_id}
                )
    return tuple(known)


def revised(
    brief: BriefIssued, known: Sequence[Figure], total: Total, sources: Mapping[str, MetricsSnapshot], tolerance: float
) -> dict[str, int | float]:
    """What a total revises of a brief, beyond what its reader knows: new minus briefed, by metric."""
    moved = corrections(known, total.snapshot, tolerance, sources=sources)
    first = {figure.metric: amount(figure) for figure in brief.figures if _same_period(figure, total.snapshot)}
    now = {figure.metric: amount(figure) for figure in known if _same_period(figure, total.snapshot)}
    return {metric: now[metric] + delta - first[metric] for metric, delta in moved.items()}


def by_id(snapshots: Iterable[MetricsSnapshot]) -> dict[str, MetricsSnapshot]:
    """Snapshots by their id, as if they were of no campaign: briefs are about whole ad accounts."""
    return {str(one.id): one.model_copy(update={"campaign_id": None}) for one in snapshots}


def line(figure: Figure) -> str:
    """A figure for people: what, how much, of when, from where, as of when, and how good it is."""
    period = "" if figure.period is None else f" on {told_period(figure.period)}"
    label = "" if figure.grade == "trusted" else f", {figure.grade.upper()}"
    return (
        f"{figure.metric}: {spoken(figure)}{period} ({figure.source}, as of {figure.as_of:%Y-%m-%d %H:%M} UTC{label})"
    )


def said(figure: Figure) -> str:
    """A figure for a customer: what, how much, and of when."""
    period = "" if figure.period is None else f" ({told_period(figure.period)})"
    return f"{figure.metric.replace('_', ' ')}: {spoken(figure)}{period}"


def spoken(figure: Figure) -> str:
    """A figure's value as people say it."""
    if figure.unit != MINOR:
        return f"{figure.value:g}"
    places = digits(figure.currency)
    return f"{figure.value / 10**places:,.{places}f} {figure.currency or ''}".strip()


def _same_period(figure: Figure, snapshot: MetricsSnapshot) -> bool:
    return figure.source == snapshot.platform and figure.period == snapshot.period


__all__ = ["as_told", "briefed", "by_id", "lacking", "line", "revised", "said", "spoken", "told"]
