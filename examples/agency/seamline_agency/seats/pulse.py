"""Pulse watches how each customer is doing. Pulse always wins, and never calls the client."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import NamedTuple

from seamline import Seat, SyncContext
from seamline.detection import Day, Level, Past, severity
from seamline.events import (
    CallCompleted,
    CampaignStatusChanged,
    DeadlineFired,
    DealWon,
    EmailTriaged,
    Event,
    ExpansionClearanceGranted,
    ExpansionHeld,
    ExpansionRecommended,
    LeadTriaged,
    MeetingBooked,
    MeetingCancelled,
    MeetingNoShow,
    MetricsSnapshot,
    MetricsTrustAssessed,
    OutreachSent,
    RelationshipEnded,
    RiskCleared,
    RiskFlagged,
    ScoreUpdated,
    SignalDetected,
)
from seamline.events.values import Period
from seamline.score import Part, account_score, from_reading, rising
from seamline.silence import LISTENED, Contact, contacts, unanswered, waiting, when_due
from seamline_agency.addressee import addressee
from seamline_agency.stages import CLIENT_STAGES
from seamline_agency.totals import assessments, grades_of, snapshots
from seamline_agency.watch import Told, confirmed, days, performance, readings, responsiveness
from seamline_agency.writer import compose

#: A score from which performance is strong, and what its two main parts must reach for it: no worse than before.
STRONG, NO_WORSE = 60, 50
#: How long a recommendation stands before there is another.
AGAIN = timedelta(days=30)
SILENCE_VERSION = "silence-1"
_NOTHING = Part(None, ("no figures that can be trusted",))


class New(NamedTuple):
    """A signal that is to be told, and the key by which it is told once."""

    signal: SignalDetected
    key: str


pulse = Seat(
    "pulse",
    role="Retention signals",
    owns=["signal.*", "outreach.*", "risk.*", "score.*", "expansion.clearance_requested"],
    makes=["expansion.recommended"],
    does_not_own=["offer.*", "deal.*"],
    informed=[
        "lead.triaged",
        "lead.qualified",
        "email.*",
        "chat.*",
        "response.sent",
        "call.completed",
        "proposal.*",
        "buying_signal.*",
        "followup.*",
        "deal.*",
        "contract.*",
        "metrics.*",
        "brief.*",
        "summary.*",
        "call.noted",
        "meeting.*",
        "invoice.*",
        "subscription.*",
        "account.status_changed",
        "expansion.*",
        "offer.*",
        "relationship.*",
        "exit.*",
    ],
    reports_to="coo",
)


@pulse.on(LeadTriaged)
def lead_triaged(event: LeadTriaged, ctx: SyncContext) -> None:
    ctx.log(f"On the watch from here on: {event.bucket}.")


@pulse.on(EmailTriaged)
def email_triaged(event: EmailTriaged, ctx: SyncContext) -> None:
    """A customer who writes is in contact, whatever they write."""
    if event.outcome in ("client_urgent", "client_routine"):
        ctx.log(f"In contact: wrote to us ({event.outcome}).")


@pulse.on(DealWon)
def won(event: DealWon, ctx: SyncContext) -> None:
    ctx.log(f"A client now (deal {event.deal_id}): the baseline starts here.")


# --- figures that fall -----------------------------------------------------------------------------------------------


@pulse.on(MetricsTrustAssessed)
def figures_told(event: MetricsTrustAssessed, ctx: SyncContext) -> None:
    """R42, R50: look at every figure that can be trusted, as soon as it can."""
    if event.grade == "trusted":
        _signal(ctx, _fallen(ctx, days(_told(ctx))))


@pulse.daily("clients", at=time(6), after=DealWon, until=(RelationshipEnded,))
@pulse.daily("figures", at=time(6), after=MetricsSnapshot, until=(RelationshipEnded,))
def morning(event: DeadlineFired, ctx: SyncContext) -> None:
    """R50, R51: look at each client every day, also where nothing new came, and say how well it is doing."""
    known = days(_told(ctx))
    found, heard = readings(known), _contacts(ctx)
    _signal(ctx, [*_fallen(ctx, known), *_silent(ctx, heard)])
    parts = {reading.signal: from_reading(reading) for reading in found}
    scored = account_score(
        volume=parts.get("lead_volume_drop", _NOTHING),
        cpl=parts.get("cpl_rise", _NOTHING),
        booking=parts.get("calls_unbooked", _NOTHING),
        responsiveness=responsiveness(heard, ctx.now),
    )
    lacking = [f"{reading.signal} ({reading.reason})" for reading in found if reading.level == "insufficient"]
    if lacking or not found:
        ctx.log(
            f"Too little is known to say that all is well: {'; '.join(lacking) or 'no figures that can be trusted'}."
        )
    if scored.score is not None:
        last = ctx.timeline.last(ScoreUpdated)
        said = ScoreUpdated(
            score=scored.score, previous=None if last is None else last.score, components=dict(scored.components)
        )
        ctx.emit(said, key=event.key, once=True)


def _fallen(ctx: SyncContext, known: Sequence[Day]) -> list[New]:
    """R42 to R45: each signal once for as long as it stands, and once more when it is confirmed."""
    standing, cleared, number = _episode(ctx)
    before = {one.signal for one in ctx.timeline.all(SignalDetected)}
    past: dict[str, list[Past]] = {}
    for one in standing:
        if one.window is not None:
            past.setdefault(one.signal, []).append(Past(one.window.end, one.level))
    new: list[New] = []
    for reading, level in confirmed(known, past):
        mine = {one.level for one in standing if one.signal == reading.signal}
        if level not in ("watch", "at_risk") or mine & {level, "at_risk"}:
            continue
        # A human has cleared it, knowing those days: days that come after it are another matter.
        if cleared is not None and reading.signal in before and reading.window[0] <= cleared.date():
            continue
        start, end = reading.window
        said = SignalDetected(
            signal=reading.signal,
            level="at_risk" if level == "at_risk" else "watch",
            change=reading.change,
            p_value=reading.p_value,
            window=Period(start=start, end=end),
            inputs=dict(reading.inputs),
            evidence=_newest(ctx),
            detector_version=reading.detector_version,
        )
        new.append(New(said, f"{number}/{said.signal}/{said.level}"))
    return new


def _newest(ctx: SyncContext) -> tuple[str, ...]:
    """The assessment by which a signal came to be: of the figures that are newest."""
    last = ctx.timeline.last(MetricsTrustAssessed, grade="trusted")
    return () if last is None else (last.snapshot_id,)


# --- nobody answers --------------------------------------------------------------------------------------------------


@pulse.on(OutreachSent)
def reached_out(_: OutreachSent, ctx: SyncContext) -> None:
    """R46: the second attempt that waits for an answer asks to look again when it has waited long enough."""
    _wait(ctx, _contacts(ctx))


@pulse.on(CallCompleted)
def called(event: CallCompleted, ctx: SyncContext) -> None:
    """R46: a call of ours that nobody took is an attempt, too."""
    if event.direction == "outbound" and event.outcome != "answered":
        _wait(ctx, _contacts(ctx))


@pulse.due("silence")
def still_silent(_: DeadlineFired, ctx: SyncContext) -> None:
    """R46: whatever came meanwhile, from whomever of them, ends the silence; else it is a signal."""
    heard = _contacts(ctx)
    _signal(ctx, _silent(ctx, heard))
    _wait(ctx, heard)


def _wait(ctx: SyncContext, heard: Sequence[Contact]) -> None:
    at = when_due(heard)
    if at is not None and unanswered(heard, ctx.now) is None:
        ctx.deadline("silence", at=at, rule="R46")


def _silent(ctx: SyncContext, heard: Sequence[Contact]) -> list[New]:
    """R46: a silence once, whatever further attempts follow or are told later. Only a client can be lost."""
    silence = unanswered(heard, ctx.now)
    if silence is None or ctx.account.stage not in CLIENT_STAGES:
        return []
    attempts = {contact.id for contact in waiting(heard)}
    if any(attempts & set(one.evidence) for one in ctx.timeline.all(SignalDetected, signal="no_response")):
        return []
    said = SignalDetected(
        signal="no_response",
        level="at_risk",
        window=Period(start=silence.first.at.date(), end=silence.due.date()),
        inputs={"attempts": len(attempts)},
        evidence=silence.evidence,
        detector_version=SILENCE_VERSION,
    )
    return [New(said, f"no_response/{silence.key}")]


def _contacts(ctx: SyncContext) -> tuple[Contact, ...]:
    told: list[Event] = [event for kind in LISTENED for event in ctx.timeline.all(kind)]
    return contacts(told)


# --- risk ------------------------------------------------------------------------------------------------------------


def _signal(ctx: SyncContext, new: Sequence[New]) -> None:
    """Tell signals and, in the same moment, the one risk that all of them make: nothing is offered between the two.

    R42: the first opens it to be watched; confirmed, joined by another, or no response: at risk.
    """
    if not new:
        return
    standing, _, number = _episode(ctx)
    evidence = [str(one.id) for one in reversed(standing)]
    evidence += [str(ctx.emit(one.signal, key=one.key, once=True)) for one in new]
    levels: dict[str, Level] = {}
    for said in (*reversed(standing), *(one.signal for one in new)):  # the newest word counts
        levels[said.signal] = said.level
    found = severity(levels, no_response="no_response" in levels)
    assert found is not None
    flag = min(ctx.account.risks, default=f"risk-{ctx.account.id}-{number}")
    risk = RiskFlagged(flag_id=flag, signals=tuple(sorted(levels)), severity=found, evidence=evidence)
    ctx.emit(risk, key=f"{flag}/{found}/{'+'.join(risk.signals)}", once=True)


@pulse.on(RiskFlagged)
def flagged(event: RiskFlagged, ctx: SyncContext) -> None:
    """R48: draft what could be said to the client, for the COO to decide; Dirk hears of the hold at once (R52)."""
    hold = f"{event.severity.replace('_', ' ')}: {', '.join(event.signals)}. Reference: {event.id}."
    ctx.message("dirk", topic="hold", body=f"No expansion for this client until the risk is cleared. {hold}")
    before = [one for one in ctx.timeline.all(RiskFlagged, flag_id=event.flag_id) if one.id != event.id]
    if any(one.severity == event.severity for one in before):
        ctx.log(f"The risk goes on: {', '.join(event.signals)}.")
        return
    whom = addressee(event, ctx.account)
    letter = compose("outreach", stage="retention", name=whom.name, company=ctx.account.name)
    ctx.draft(
        "mail",
        to=whom.to,
        subject=letter.subject,
        body=letter.body,
        sends=OutreachSent,
        fields={"channel": "mail"},
        key=event.flag_id,
        sources=[event, *event.evidence],
        missing=whom.missing,
    )
    if "expansion" in ctx.account.overlays:
        text = f"While this client is at risk nothing is sold to them. {hold}"
        ctx.task("Pause what the CRM sends to this client", text=text, assignee="retention_specialist", rule="R54")


def _episode(ctx: SyncContext) -> tuple[list[SignalDetected], datetime | None, int]:
    """The signals since a human last cleared a risk, newest first; when that was; and the how manieth time this is."""
    cleared = ctx.timeline.all(RiskCleared)
    since = max((one.envelope.sequence for one in cleared), default=0)
    at = max((one.envelope.time for one in cleared), default=None)
    standing = [one for one in ctx.timeline.all(SignalDetected) if one.envelope.sequence > since]
    return standing, at, len(cleared) + 1


# --- expansion -------------------------------------------------------------------------------------------------------


@pulse.on(ScoreUpdated)
def scored(event: ScoreUpdated, ctx: SyncContext) -> None:
    """R51: recommend more to a client who does well, and ever better; never while a risk is open."""
    parts = event.components
    strong = event.score >= STRONG and min(parts.get("volume", 0), parts.get("cpl", 0)) >= NO_WORSE
    series = [(one.envelope.time.date(), one.score) for one in ctx.timeline.all(ScoreUpdated)]
    last = ctx.timeline.last(ExpansionRecommended)
    recent = last is not None and event.envelope.time - last.envelope.time < AGAIN
    client = ctx.account.stage in CLIENT_STAGES
    if ctx.account.risks or not client or not strong or recent or not rising(series):
        return
    known = performance(days(_told(ctx)))
    ctx.emit(ExpansionRecommended(score=event.score, performance=known, evidence=(event.id,)), key=str(event.id))
    text = f"Score {event.score} and rising; {', '.join(f'{name} {value:g}' for name, value in known.items())}."
    ctx.message("dirk", topic="expansion recommended", body=f"{text} Reference: {event.id}.")
    title = f"A good moment to offer more: {ctx.account.name or 'a client'}"
    ctx.task(title, text=text, assignee="coo", rule="R51")


@pulse.on(ExpansionClearanceGranted)
def cleared(event: ExpansionClearanceGranted, ctx: SyncContext) -> None:
    """R65: Dirk has the answer to what he asked, with its reference."""
    body = f"Granted: no risk is open, and this client was looked at. Reference: {event.id}."
    ctx.message("dirk", topic="expansion clearance", body=body, key=event.request_id)


@pulse.on(ExpansionHeld)
def held(event: ExpansionHeld, ctx: SyncContext) -> None:
    """R65: Dirk hears why not, with the reference."""
    body = f"Held: {event.reason or 'a risk is open'}. Reference: {event.id}."
    ctx.message("dirk", topic="expansion clearance", body=body, key=str(event.id))


def _told(ctx: SyncContext) -> Told:
    timeline = ctx.timeline
    return Told(
        snapshots(ctx),
        grades_of(assessments(ctx)),
        [*timeline.all(MeetingBooked), *timeline.all(MeetingCancelled), *timeline.all(MeetingNoShow)],
        timeline.all(CampaignStatusChanged),
    )
