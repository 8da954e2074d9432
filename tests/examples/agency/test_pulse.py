"""Pulse's handlers, in memory: what is a signal, what is a risk, and when more may be recommended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from seamline import Event, Party
from seamline.context import Account, Deadline, Draft, Effect, Emit, Log, Message, Task
from seamline.events import (
    CallCompleted,
    CampaignStatusChanged,
    EmailDeliveryChanged,
    EmailReceived,
    ExpansionClearanceGranted,
    ExpansionHeld,
    ExpansionRecommended,
    MeetingBooked,
    MetricsTrustAssessed,
    OutreachSent,
    RiskCleared,
    RiskFlagged,
    ScoreUpdated,
    SignalDetected,
)
from seamline.testing import ACCOUNT, run_handler, run_timer
from seamline_agency.roster import roster
from seamline_agency.seats.pulse import pulse
from support.figures import FALLING, LAST, MORNING, STEADY, day_of, graded, id_of, told

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DANA = Party(name="Dana Whitfield", email="dana@example.com")
CLIENT = replace(
    ACCOUNT,
    name="Harbor Lane Dental",
    stage="delivery",
    contacts=({"id": "1", "name": "Dana", "email": "dana@example.com", "phone": None},),
)
AT_RISK = replace(CLIENT, risks={"risk-account-1-1": "at_risk"})
T = TypeVar("T")


def only(effects: Sequence[Effect], kind: type[T]) -> T:
    """The one effect of a kind."""
    found = [effect for effect in effects if isinstance(effect, kind)]
    assert len(found) == 1, effects
    return found[0]


def said(effects: Sequence[Effect], kind: type[Event]) -> list[Any]:
    return [effect.event for effect in effects if isinstance(effect, Emit) and isinstance(effect.event, kind)]


def handed(
    event: Event, history: Sequence[Event] = (), *, now: datetime = NOW, account: Account = CLIENT
) -> list[Effect]:
    return run_handler(pulse, event, history, now=now, account=account, roster=roster)


def timed(
    name: str, history: Sequence[Event], *, now: datetime = NOW, account: Account = CLIENT, key: str = "2026-11-20"
) -> list[Effect]:
    return run_timer(pulse, name, history, now=now, account=account, roster=roster, key=key)


def looked(history: Sequence[Event], **more: Any) -> list[Effect]:
    """What Pulse asks for when the last of these figures was found to be trusted."""
    *before, last = history
    return handed(last, before, **more)


def placed(event: T, name: str) -> T:
    return event.model_copy(update={"fact": name})  # type: ignore[attr-defined,no-any-return]


# --- R42 to R45, R50: figures ----------------------------------------------------------------------------------------


def test_r42_r43_fewer_leads_are_one_signal_with_evidence_window_change_and_version() -> None:
    [signal] = said(looked(told(FALLING)), SignalDetected)
    assert (signal.signal, signal.level) == ("lead_volume_drop", "watch")
    assert signal.change == pytest.approx(-2 / 7)
    assert (signal.window.start, signal.window.end) == (LAST - timedelta(days=6), LAST)
    assert signal.inputs["events_new"] == 100
    assert signal.evidence == (id_of(f"meta-{LAST}"),)
    assert signal.p_value < 0.01
    assert signal.detector_version


def test_r42_the_first_signal_opens_the_risk_to_be_watched_in_the_same_moment_and_cites_it() -> None:
    effects = looked(told(FALLING))
    first, second = (effect for effect in effects if isinstance(effect, Emit))
    assert isinstance(first.event, SignalDetected)
    assert isinstance(second.event, RiskFlagged)
    assert (second.event.severity, second.event.signals) == ("watch", ("lead_volume_drop",))
    assert second.event.flag_id == "risk-account-1-1"
    assert len(second.event.evidence) == 1
    assert first.once
    assert second.once


def test_r42_steady_figures_are_no_signal() -> None:
    assert not looked(told(STEADY))


def test_r42_the_same_signal_is_not_told_again_while_it_stands() -> None:
    history = told(FALLING)
    [signal], [risk] = said(looked(history), SignalDetected), said(looked(history), RiskFlagged)
    later = told([10], last=LAST + timedelta(days=1))
    assert not looked([*history, signal, risk, *later], account=replace(CLIENT, risks={risk.flag_id: "watch"}))


def test_r42_found_again_three_days_later_it_is_at_risk_under_the_same_flag() -> None:
    [signal] = said(looked(told(FALLING)), SignalDetected)
    later = told([*FALLING, 10, 9, 10], last=LAST + timedelta(days=3))
    before, last = [*later[:-1], signal], later[-1]
    effects = handed(last, before, account=replace(CLIENT, risks={"risk-account-1-1": "watch"}))
    [again] = said(effects, SignalDetected)
    assert again.level == "at_risk"
    [risk] = said(effects, RiskFlagged)
    assert (risk.flag_id, risk.severity) == ("risk-account-1-1", "at_risk")


def test_r42_joined_by_a_second_signal_it_is_at_risk() -> None:
    one = SignalDetected(signal="calls_unbooked", level="watch", detector_version="rate-1")
    *history, last = told(FALLING)
    [risk] = said(handed(last, [*history, one]), RiskFlagged)
    assert (risk.severity, risk.signals) == ("at_risk", ("calls_unbooked", "lead_volume_drop"))
    assert len(risk.evidence) == 2


def test_r44_a_lead_that_costs_twice_as_much_is_a_signal_though_as_many_come() -> None:
    before = told(STEADY[:28], last=LAST - timedelta(days=7))
    dearer = told(STEADY[:7], spend=80_000)
    [signal] = said(looked([*before, *dearer]), SignalDetected)
    assert signal.signal == "cpl_rise"
    assert signal.change == pytest.approx(1.0, abs=0.05)


def test_r44_days_on_which_every_campaign_was_paused_say_nothing_of_the_customer() -> None:
    paused = CampaignStatusChanged(
        campaign_id="1", platform="meta", status="paused", occurred_at=datetime(2026, 11, 12, 20, tzinfo=UTC)
    )
    *history, last = told(FALLING)
    assert not handed(last, [paused, *history])


def test_r45_calls_that_are_booked_less_often_are_a_signal_and_cancelled_ones_are_none() -> None:
    before = told(STEADY[:28], last=LAST - timedelta(days=7), calls_booked=8)
    unbooked = told(STEADY[:7], calls_booked=2)
    [signal] = said(looked([*before, *unbooked]), SignalDetected)
    assert signal.signal == "calls_unbooked"
    assert (signal.inputs["events_new"], signal.inputs["cancelled_new"]) == (14, 0)


def test_r40_provisional_and_untrusted_figures_feed_no_detector() -> None:
    settled, open_ = told(STEADY[:28], last=LAST - timedelta(days=7)), told([10.0] * 7, grade="provisional")
    assert not timed("figures", [*settled, *open_]) or not said(timed("figures", [*settled, *open_]), SignalDetected)
    assert not handed(graded(day_of(LAST, 3), "provisional"), told(FALLING))


def test_r43_a_second_ad_account_that_is_late_makes_no_fall() -> None:
    meta = told([20.0] * 35)
    other = told([20.0] * 28, last=LAST - timedelta(days=7), platform="google_ads", ad_account_id="g1")
    assert not said(timed("figures", [*meta, *other]), SignalDetected)


def test_r42_too_little_data_is_shown_and_never_fine() -> None:
    effects = timed("figures", told([20.0] * 5))
    assert "lead_volume_drop" in only(effects, Log).text
    assert "compare" in only(effects, Log).text
    assert not said(effects, SignalDetected)
    nothing = timed("clients", [])
    assert "no figures that can be trusted" in only(nothing, Log).text
    assert not said(nothing, ScoreUpdated)


def test_r50_a_signal_is_found_in_the_morning_too_where_no_new_figure_came() -> None:
    assert said(timed("figures", told(FALLING)), SignalDetected)


def test_r42_what_a_human_cleared_is_not_raised_again_by_the_days_that_he_knew() -> None:
    [signal] = said(looked(told(FALLING)), SignalDetected)
    cleared = RiskCleared(flag_id="risk-account-1-1", by="coo", reason="they moved office", occurred_at=MORNING)
    history = [*told(FALLING), signal, cleared]
    assert not said(timed("figures", history), SignalDetected)
    worse = told([4, 5, 4, 5, 4, 5, 4, 4], last=LAST + timedelta(days=8))
    [again] = said(timed("figures", [*history, *worse], now=NOW + timedelta(days=8)), RiskFlagged)
    assert again.flag_id == "risk-account-1-2"


# --- R46: silence ----------------------------------------------------------------------------------------------------


def outreach(hours: int, name: str) -> OutreachSent:
    """An attempt of so many hours ago."""
    return OutreachSent(fact=name, message_ref=name, channel="mail", occurred_at=NOW - timedelta(hours=hours))


def mail(hours: float, **fields: Any) -> EmailReceived:
    told = {
        "party": DANA,
        "occurred_at": NOW - timedelta(hours=hours),
        "message_id": "m1",
        "sender": "dana@example.com",
    }
    return EmailReceived.model_validate(told | fields)


def test_r46_one_attempt_never_asks_to_look_again() -> None:
    assert not handed(outreach(0, "a"))
    assert not timed("silence", [outreach(400, "a")])


def test_r46_the_second_attempt_asks_to_look_again_when_it_has_waited_long_enough() -> None:
    asked = only(handed(outreach(0, "b"), [outreach(72, "a")]), Deadline)
    assert (asked.name, asked.at, asked.rule) == ("silence", NOW + timedelta(hours=72), "R46")


def test_r46_two_attempts_that_nobody_answers_are_one_signal_and_at_risk_at_once() -> None:
    effects = timed("silence", [outreach(144, "a"), outreach(72, "b")])
    [signal] = said(effects, SignalDetected)
    assert (signal.signal, signal.level) == ("no_response", "at_risk")
    assert signal.evidence == (id_of("a", "outreach.sent"), id_of("b", "outreach.sent"))
    [risk] = said(effects, RiskFlagged)
    assert (risk.severity, risk.signals) == ("at_risk", ("no_response",))


def test_r46_an_hour_too_early_it_is_none_and_is_looked_at_again() -> None:
    effects = timed("silence", [outreach(144, "a"), outreach(71, "b")])
    assert only(effects, Deadline).at == NOW + timedelta(hours=1)
    assert not said(effects, SignalDetected)


@pytest.mark.parametrize(
    "answer",
    [
        mail(10),
        CallCompleted(
            call_id="c", direction="inbound", duration=0, outcome="missed", occurred_at=NOW - timedelta(hours=10)
        ),
        MeetingBooked(calendar_event_id="e", starts_at=NOW + timedelta(days=1), occurred_at=NOW - timedelta(hours=10)),
    ],
    ids=["mail", "call", "booking"],
)
def test_r46_whatever_comes_from_them_ends_the_silence(answer: Event) -> None:
    assert not timed("silence", [outreach(144, "a"), outreach(72, "b"), answer])


@pytest.mark.parametrize("auto", ["bounce", "out_of_office"])
def test_r46_a_bounce_and_an_out_of_office_are_no_answer(auto: str) -> None:
    assert said(timed("silence", [outreach(144, "a"), mail(140, auto=auto), outreach(72, "b")]), SignalDetected)


def test_r46_outreach_that_bounced_was_no_attempt() -> None:
    bounced = EmailDeliveryChanged(message_id="b", status="bounced", occurred_at=NOW - timedelta(hours=71))
    assert not timed("silence", [outreach(144, "a"), outreach(72, "b"), bounced])


def test_r46_a_call_of_ours_that_nobody_took_is_an_attempt_whoever_made_it() -> None:
    call = CallCompleted(call_id="c", direction="outbound", duration=0, outcome="voicemail", occurred_at=NOW)
    assert only(handed(call, [outreach(72, "a")]), Deadline).at == NOW + timedelta(hours=72)
    answered = call.model_copy(update={"outcome": "answered"})
    assert not handed(answered, [outreach(72, "a")])


def test_r46_a_silence_is_told_once_whatever_attempts_follow_or_are_told_later() -> None:
    told_ = [outreach(144, "a"), outreach(72, "b")]
    [signal] = said(timed("silence", told_), SignalDetected)
    assert not said(timed("silence", [*told_, signal, outreach(80, "c")], account=AT_RISK), SignalDetected)
    assert not said(timed("silence", [outreach(200, "earlier"), *told_, signal], account=AT_RISK), SignalDetected)


def test_r46_after_an_answer_the_count_begins_anew() -> None:
    old = [outreach(400, "a"), outreach(300, "b")]
    [signal] = said(timed("silence", old), SignalDetected)
    history = [*old, signal, mail(290), outreach(144, "c"), outreach(72, "d")]
    [again] = said(timed("silence", history, account=AT_RISK), SignalDetected)
    assert again.evidence == (id_of("c", "outreach.sent"), id_of("d", "outreach.sent"))


@pytest.mark.parametrize("stage", [None, "awareness", "inquiry", "proposal", "exit"])
def test_r46_whoever_is_no_client_yet_or_any_more_cannot_be_lost(stage: str | None) -> None:
    told_ = [outreach(144, "a"), outreach(72, "b")]
    assert not timed("silence", told_, account=replace(CLIENT, stage=stage))


def test_r42_what_falls_and_who_is_silent_on_one_morning_make_one_risk_of_both() -> None:
    effects = timed("clients", [*told(FALLING), outreach(144, "a"), outreach(72, "b")])
    [risk] = said(effects, RiskFlagged)
    assert (risk.signals, risk.severity) == (("lead_volume_drop", "no_response"), "at_risk")
    assert len(risk.evidence) == len(said(effects, SignalDetected)) == 2


# --- R47, R48: what a risk asks for ----------------------------------------------------------------------------------


def a_risk(**fields: Any) -> RiskFlagged:
    told_ = {
        "fact": "r1",
        "flag_id": "risk-account-1-1",
        "signals": ("cpl_rise",),
        "severity": "watch",
        "evidence": ("signal-1",),
    }
    return RiskFlagged.model_validate(told_ | fields)


def test_r47_r48_a_risk_is_a_draft_for_a_human_that_cites_its_signals_and_nothing_that_is_done() -> None:
    effects = handed(a_risk(), account=AT_RISK)
    draft = only(effects, Draft)
    assert (draft.sends, draft.recipients) == (OutreachSent, ("dana@example.com",))
    assert draft.sources == (id_of("r1", "risk.flagged"), "signal-1")
    assert {type(effect) for effect in effects} == {Draft, Message}


def test_r48_without_an_address_the_draft_says_what_is_missing() -> None:
    draft = only(handed(a_risk(), account=replace(AT_RISK, contacts=())), Draft)
    assert (draft.recipients, draft.missing) == ((), ("contact.email",))


def test_r48_a_risk_that_goes_on_is_not_drafted_again_and_one_that_grows_is() -> None:
    again = a_risk(fact="r2", signals=("cpl_rise", "lead_volume_drop"))
    assert not [one for one in handed(again, [a_risk()], account=AT_RISK) if isinstance(one, Draft)]
    assert only(handed(a_risk(fact="r2", severity="at_risk"), [a_risk()], account=AT_RISK), Draft).key == again.flag_id


def test_r52_dirk_hears_of_the_hold_at_once_with_its_reference() -> None:
    message = only(handed(a_risk(), account=AT_RISK), Message)
    assert message.to == "dirk"
    assert id_of("r1", "risk.flagged") in message.body


def test_r54_while_more_is_being_sold_a_human_is_asked_to_pause_it() -> None:
    task = only(handed(a_risk(), account=replace(AT_RISK, overlays=("retention", "expansion"))), Task)
    assert (task.assignee, task.rule) == ("retention_specialist", "R54")


# --- R51: score and expansion ----------------------------------------------------------------------------------------


def scores(*values: int) -> list[Event]:
    """A score a week, the last of today."""
    return [
        ScoreUpdated(score=value, occurred_at=NOW - timedelta(weeks=len(values) - 1 - place), components=GOOD)
        for place, value in enumerate(values)
    ]


GOOD = {"volume": 70, "cpl": 65}


def test_r51_a_score_is_updated_each_morning_from_its_parts() -> None:
    effects = timed("figures", told(STEADY))
    [score] = said(effects, ScoreUpdated)
    assert (score.score, score.previous) == (50, None)
    assert set(score.components) == {"volume", "cpl"}
    emitted = next(one for one in effects if isinstance(one, Emit))
    assert (emitted.key, emitted.once) == ("2026-11-20", True)


def test_r51_a_score_says_what_it_was_before() -> None:
    [score] = said(timed("figures", [ScoreUpdated(score=44), *told(STEADY)]), ScoreUpdated)
    assert score.previous == 44


def recommended(series: Sequence[Event], account: Account = CLIENT) -> list[Effect]:
    *before, last = series
    return handed(last, [*told(STEADY), *before], account=account)


def test_r51_strong_performance_and_a_rising_score_are_recommended_to_dirk_and_the_human() -> None:
    effects = recommended(scores(55, 60, 64, 70))
    [found] = said(effects, ExpansionRecommended)
    assert (found.score, found.performance["leads_7"]) == (70, 140)
    assert only(effects, Message).to == "dirk"
    assert (only(effects, Task).assignee, only(effects, Task).rule) == ("coo", "R51")


@pytest.mark.parametrize(
    ("values", "account"),
    [
        ((70, 64, 60, 55), CLIENT),
        ((40, 44, 48, 55), CLIENT),
        ((60, 70), CLIENT),
        ((55, 60, 64, 70), AT_RISK),
        ((55, 60, 64, 70), replace(CLIENT, stage="exit")),
    ],
    ids=["falling", "weak", "too short", "at risk", "gone"],
)
def test_r51_either_alone_or_an_open_risk_recommends_nothing(values: tuple[int, ...], account: Account) -> None:
    assert not recommended(scores(*values), account)


def test_r51_a_rising_score_with_falling_leads_is_not_strong() -> None:
    series = [one.model_copy(update={"components": {"volume": 40, "cpl": 90}}) for one in scores(55, 60, 64, 70)]
    assert not recommended(series)


def test_r51_it_is_not_recommended_again_the_next_day() -> None:
    *before, last = scores(55, 60, 64, 70)
    earlier = ExpansionRecommended(score=64, occurred_at=NOW - timedelta(days=7))
    assert not handed(last, [*before, earlier])


def test_r65_pulse_tells_dirk_the_answer_with_its_reference() -> None:
    granted = ExpansionClearanceGranted(fact="g", request_id="q1")
    message = only(handed(granted), Message)
    assert message.to == "dirk"
    assert id_of("g", "expansion.clearance_granted") in message.body
    held = ExpansionHeld(fact="h", request_id="q1", reason="a risk is open")
    assert "a risk is open" in only(handed(held), Message).body


def test_r47_r53_pulse_makes_no_fact_and_clears_no_risk() -> None:
    assert pulse.kind == "agent"
    assert not any(roster.may_emit(pulse, kind) for kind in (OutreachSent, RiskCleared, MetricsTrustAssessed))
