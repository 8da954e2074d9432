"""Dash feeds the numbers, and keeps the calendar of clients. Dash does not talk to clients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta

from seamline import Seat, SyncContext
from seamline.calendar import next_local, zone
from seamline.events import (
    BriefIssued,
    CallNoted,
    CampaignStatusChanged,
    DeadlineFired,
    MeetingBooked,
    MeetingCancelled,
    MeetingRescheduled,
    MetricsCorrected,
    MetricsMissing,
    MetricsSnapshot,
    MetricsTrustAssessed,
    RelationshipEnded,
    SummarySent,
)
from seamline.events.values import Grade
from seamline.trust import Assessment, assess
from seamline_agency.addressee import addressee
from seamline_agency.agenda import Meeting, agenda, next_of
from seamline_agency.brief import as_told, briefed, by_id, lacking, line, revised, said
from seamline_agency.clients import MEASURES, expected
from seamline_agency.stages import CLIENT_STAGES
from seamline_agency.totals import (
    assessments,
    grades_of,
    newest,
    series_of,
    snapshots,
    summed,
    told_period,
    totals,
    usable,
)
from seamline_agency.writer import compose

dash = Seat(
    "dash",
    role="Performance figures and client meetings",
    owns=[
        "ad.*",
        "audience.*",
        "campaign.*",
        "pixel.*",
        "metrics.*",
        "brief.*",
        "summary.*",
        "call.noted",
        "meeting.*",
    ],
    does_not_own=["signal.*", "kickoff.*"],
    informed=["relationship.*", "exit.*"],
    reports_to="account_manager",
)


# --- figures: can they be trusted? -----------------------------------------------------------------------------------


@dash.on(MetricsSnapshot)
def figures_told(event: MetricsSnapshot, ctx: SyncContext) -> None:
    """R40: grade a snapshot before anybody relies on it; of campaigns, what they come to together."""
    told, assessed = snapshots(ctx), assessments(ctx)
    grades, by_hand = grades_of(assessed), {one.snapshot_id for one in assessed if one.override_by}
    parts, found = _assessed(ctx, event, told, grades, ctx.now)
    # What was short of its total while the campaigns came one by one is whole with the last of them. A human is final.
    again = [one for one in parts if str(one.id) not in by_hand and grades.get(str(one.id)) != found.grade]
    again = [] if found.failed_checks else again
    for one in {one.id: one for one in (event, *again)}.values():
        _grade(ctx, one, found)
    when = told_period(event.period)
    if found.failed_checks:
        failed = ", ".join(found.failed_checks).replace("_", " ")
        text = f"{event.platform}'s figures of {when} cannot be trusted: {failed}"
        ctx.flag("figures-untrusted", key=event.platform, text=text, evidence=[event])
    elif found.check:
        moved = ", ".join(f"{name} {delta:+.0%}" for name, delta in sorted(found.deltas.items()))
        text = f"{event.platform}'s figures of {when} moved a lot; right or wrong, look at them: {moved}"
        ctx.flag("figures-moved", key=event.platform, text=text, evidence=[event])


def _assessed(
    ctx: SyncContext,
    event: MetricsSnapshot,
    told: Sequence[MetricsSnapshot],
    grades: Mapping[str, Grade],
    now: datetime,
) -> tuple[tuple[MetricsSnapshot, ...], Assessment]:
    """What a snapshot is worth, and the newest readings that it was judged together with."""
    parts = newest([one for one in told if series_of(one) == series_of(event)])
    if event.id not in {one.id for one in parts}:  # an older reading, which came late
        parts = (event.model_copy(update={"platform_spend": None}) if event.campaign_id else event,)
    before = [one for one in told if one.id != event.id and grades.get(str(one.id)) != "untrusted"]
    whole = summed(parts)
    found = assess(
        whole,
        now=now,
        expected=expected(whole, ctx.account.name, before),
        previous=[total.snapshot for total in totals(before)],
        freshness=MEASURES.freshness,
        tolerance=MEASURES.tolerance,
    )
    return parts, found


def _grade(ctx: SyncContext, snapshot: MetricsSnapshot, found: Assessment) -> None:
    said = MetricsTrustAssessed(
        snapshot_id=str(snapshot.id),
        grade=found.grade,
        check=found.check,
        failed_checks=found.failed_checks,
        deltas=dict(found.deltas),
    )
    ctx.emit(said, key=str(snapshot.id))


@dash.on(MetricsTrustAssessed)
def graded(event: MetricsTrustAssessed, ctx: SyncContext) -> None:
    """R39: what was briefed before may be wrong by what has just been graded."""
    if event.grade != "untrusted":
        _correct(ctx, ctx.timeline.all(BriefIssued), event.snapshot_id)


@dash.on(BriefIssued)
def brief_issued(event: BriefIssued, ctx: SyncContext) -> None:
    """R39: what was graded while this brief was being written."""
    _correct(ctx, [event], None)


def _correct(ctx: SyncContext, briefs: Sequence[BriefIssued], snapshot_id: str | None) -> None:
    """Say what usable figures, all or those with this snapshot, revise of these briefs."""
    if not any(brief.figures for brief in briefs):
        return
    told, grades = snapshots(ctx), grades_of(assessments(ctx))
    corrected, sources = ctx.timeline.all(MetricsCorrected), by_id(told)
    for total in totals(usable(told, grades), grades):
        if snapshot_id is not None and snapshot_id not in {str(one.id) for one in total.parts}:
            continue
        for brief in briefs:
            known = as_told(brief, corrected, sources)
            deltas = revised(brief, known, total, sources, MEASURES.tolerance)
            if deltas:
                found = MetricsCorrected(
                    snapshot_id=total.snapshot_id,
                    deltas=deltas,
                    briefs=(str(brief.id),),
                    grade=total.grade,
                    reason=f"{total.snapshot.platform} revised its figures of {told_period(total.snapshot.period)}",
                )
                ctx.emit(found, key=f"{total.snapshot_id}/{brief.id}", once=True)


@dash.on(MetricsCorrected)
def corrected(event: MetricsCorrected, ctx: SyncContext) -> None:
    """R39: everyone who has the old figure gets the new one, before their next call; urgent if that is today."""
    sources = by_id(snapshots(ctx))
    tz = _tz(sources.values())
    ahead = next_of(_agenda(ctx), ctx.now)
    today = ahead is not None and ahead.starts_at.astimezone(zone(tz)).date() == ctx.now.astimezone(zone(tz)).date()
    for brief in ctx.timeline.all(BriefIssued):
        if str(brief.id) not in event.briefs:
            continue
        lines = [line(figure) for figure in as_told(brief, [event], sources) if figure.snapshot_id == event.snapshot_id]
        text = "\n".join([f"{event.reason or 'Figures were revised'}. What you were told before is wrong.", *lines])
        title = f"{'Urgent: ' if today else ''}Corrected figures for {ctx.account.name or 'a client'}"
        due_at = None if ahead is None else ahead.starts_at
        ctx.task(title, text=text, key=str(brief.id), assignee=brief.recipient, due_at=due_at, rule="R39")
        ctx.message("account_manager", topic="figures corrected", body=text, key=str(brief.id))


# --- figures that did not come ---------------------------------------------------------------------------------------


@dash.daily("figures", at=time(0), tz="UTC", after=MetricsSnapshot, until=(RelationshipEnded,))
def day_began(_: DeadlineFired, ctx: SyncContext) -> None:
    """R36: look for yesterday's figures at the cut-off, which is in the account's own time.

    What was told before the company was connected woke nobody. It is graded now, as it was when it was read, so that
    there is something to compare with.
    """
    told, grades = snapshots(ctx), grades_of(assessments(ctx))
    for one in reversed(told):
        if str(one.id) not in grades:
            _grade(ctx, one, _assessed(ctx, one, told, grades, one.as_of)[1])
    tz = _tz(told)
    at = next_local(ctx.now, MEASURES.cutoff, tz)
    ctx.deadline("cutoff", at=at, key=f"{at.astimezone(zone(tz)).date() - timedelta(days=1)}", rule="R36")


@dash.due("cutoff")
def cut_off(event: DeadlineFired, ctx: SyncContext) -> None:
    """R36: say once of each platform that told before, and not of this day, that its figures are missing."""
    if ctx.account.stage == "exit":
        return
    day, told = date.fromisoformat(event.key), snapshots(ctx)
    for platform in sorted({one.platform for one in told}):
        mine = [one for one in told if one.platform == platform]
        if any(one.period.start <= day <= one.period.end for one in mine) or _paused(ctx, platform):
            continue
        last = max(mine, key=lambda one: one.period.end)
        absent = MetricsMissing(
            platform=platform,
            day=day,
            cutoff=event.due_at,
            snapshot_id=str(last.id),
            reason=f"the last figures are of {last.period.end}",
        )
        ctx.emit(absent, key=f"{platform}/{day}", once=True)
        text = f"{platform} had told nothing of {day} by {MEASURES.cutoff:%H:%M}"
        ctx.flag("figures-missing", key=platform, text=text, evidence=[last])


def _paused(ctx: SyncContext, platform: str) -> bool:
    """Whether every campaign of a platform that told how it stands is stopped: nothing is shown, nothing is told."""
    stands: dict[str, str] = {}
    for one in sorted(ctx.timeline.all(CampaignStatusChanged), key=lambda one: one.envelope.time):
        if one.platform == platform:
            stands[one.campaign_id] = one.status
    return bool(stands) and "active" not in stands.values()


# --- calls with clients ----------------------------------------------------------------------------------------------


@dash.on(MeetingBooked)
@dash.on(MeetingRescheduled)
def booked(event: MeetingBooked | MeetingRescheduled, ctx: SyncContext) -> None:
    """R38: whoever meets a client has the figures in time. Meetings before that are Dirk's."""
    if ctx.account.stage not in CLIENT_STAGES:
        return
    moved = " moved to" if isinstance(event, MeetingRescheduled) else " on"
    ctx.log(f"Client meeting{moved} {event.starts_at:%Y-%m-%d %H:%M} UTC: {event.title or 'no title'}.")
    if event.starts_at > ctx.now:
        ctx.deadline("brief", at=event.starts_at - MEASURES.ahead, key=event.calendar_event_id, rule="R38")


@dash.on(MeetingCancelled)
def cancelled(event: MeetingCancelled, ctx: SyncContext) -> None:
    if ctx.account.stage in CLIENT_STAGES:
        ctx.log(f"Client meeting called off by {event.cancelled_by or 'somebody'}.")


@dash.due("brief")
def call_ahead(event: DeadlineFired, ctx: SyncContext) -> None:
    """R38: the account's manager has the figures before the call, or is told why there are none that can be trusted."""
    meeting = _agenda(ctx).get(event.key)
    if meeting is None or meeting.starts_at - MEASURES.ahead > ctx.now:
        ctx.log("No brief: the meeting was called off or moved.")
        return
    told, assessed = snapshots(ctx), assessments(ctx)
    known = briefed(told, grades_of(assessed))
    reason = lacking(told, assessed, ctx.timeline.all(MetricsMissing))
    manager = ctx.account.manager or "coo"
    issued = BriefIssued(call_id=meeting.id, figures=known, recipient=manager, reason=reason)
    ctx.emit(issued, key=f"{meeting.id}/{meeting.starts_at.isoformat()}", once=True)
    lines = [line(figure) for figure in known]
    if reason is not None:
        lines.insert(0, f"There is no figure that can be trusted: {reason}. Say none without saying so.")
    ctx.task(
        f"Figures for the call with {ctx.account.name or 'a client'} at {meeting.starts_at:%Y-%m-%d %H:%M} UTC",
        text="\n".join(lines),
        key=meeting.id,
        assignee=manager,
        due_at=meeting.starts_at,
        rule="R38",
    )


@dash.on(CallNoted)
def noted(event: CallNoted, ctx: SyncContext) -> None:
    """R3: draft a summary of the call, with trusted figures only; the human sees the notes, or that there are none."""
    told, grades = snapshots(ctx), grades_of(assessments(ctx))
    known = tuple(figure for figure in briefed(told, grades) if figure.grade == "trusted")
    missing = [] if event.text or event.notes_ref else ["no call notes"]
    missing += [] if known else ["no figure that can be trusted"]
    whom = addressee(event, ctx.account)
    figures = "\n".join(f"- {said(figure)}" for figure in known)
    letter = compose("summary", stage="delivery", name=whom.name, company=ctx.account.name, figures=figures)
    ctx.draft(
        "mail",
        to=whom.to,
        subject=letter.subject,
        body=letter.body,
        sends=SummarySent,
        key=event.call_id,
        figures=known,
        sources=[event],
        missing=(*whom.missing, *missing),
    )


def _agenda(ctx: SyncContext) -> dict[str, Meeting]:
    timeline = ctx.timeline
    return agenda([*timeline.all(MeetingBooked), *timeline.all(MeetingRescheduled), *timeline.all(MeetingCancelled)])


def _tz(told: Iterable[MetricsSnapshot]) -> str:
    """The account's time zone: that of its newest figures."""
    last = max(told, key=lambda one: one.as_of, default=None)
    return "UTC" if last is None else last.period.tz
