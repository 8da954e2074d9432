"""Figures through the real engine: graded, briefed, corrected, missed; what falls, who is silent, what is held."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from seamline import Event, Party
from seamline.calendar import local_time_on
from seamline.events import (
    CallCompleted,
    CallNoted,
    DealWon,
    EmailReceived,
    MeetingBooked,
    MetricsSnapshot,
    OutreachSent,
    RelationshipEnded,
)
from seamline_workers.desk.grade import override_grade
from support.agency import BEGAN, Agency

H, D, S = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
DANA = Party(name="Dana", email="dana@acme.example", company="Acme")
PARTNER = Party(name="Pat", email="pat@acme.example", company="Acme")
#: Noon in the account's time zone, on the day after the last one that has figures.
NOON = local_time_on(BEGAN.date() + 2 * D, time(12), "America/Chicago")


def figures(leads: float, name: str = "s", as_of: datetime = NOON - H, back: int = 1, **fields: Any) -> MetricsSnapshot:
    """An account's figures of a day so many days before, read at a time."""
    day = NOON.date() - back * D
    told = {
        "fact": name,
        "party": DANA,
        "occurred_at": as_of,
        "platform": "meta",
        "ad_account_id": "act_1",
        "period": {"start": day, "end": day, "tz": "America/Chicago"},
        "spend": round(2_000 * leads),
        "currency": "USD",
        "leads": leads,
        "as_of": as_of,
    }
    return MetricsSnapshot.model_validate(told | fields)


def won(at: datetime = NOON - 5 * H) -> DealWon:
    return DealWon(fact="won", party=DANA, occurred_at=at, closed_at=at, deal_id="D1")


def call(at: datetime, name: str = "call") -> MeetingBooked:
    return MeetingBooked(fact=name, party=DANA, occurred_at=NOON - 2 * H, calendar_event_id=name, starts_at=at)


def told(agency: Agency, *facts: Event, at: datetime = NOON) -> None:
    """Tell facts at a time, and work."""
    agency.clock.set(at)
    agency.tell(*facts)
    agency.work()


def data(agency: Agency, event_type: str) -> list[Any]:
    return agency.ledger(event_type)


# --- story 6: the wrong number ---------------------------------------------------------------------------------------


def test_r38_r39_r40_a_briefed_figure_that_is_revised_reaches_the_manager_before_the_call(agency: Agency) -> None:
    told(agency, figures(42), call(NOON + 3 * H))
    assert [one.grade for one in data(agency, "metrics.trust_assessed")] == ["trusted"]
    agency.sweep(NOON + H - S)
    assert not data(agency, "brief.issued")
    agency.sweep(NOON + H)
    [brief] = data(agency, "brief.issued")
    assert (brief.call_id, brief.figures[0].metric, brief.figures[0].value) == ("call", "leads", 42)
    told(agency, figures(31, "revised", NOON + 1.5 * H), at=NOON + 2 * H)
    [corrected] = data(agency, "metrics.corrected")
    assert (corrected.deltas["leads"], corrected.briefs) == (-11, (str(brief.id),))
    urgent = [row for row in agency.rows("tasks") if row.rule == "R39"]
    assert [(row.assignee, row.title.startswith("Urgent")) for row in urgent] == [("coo", True)]
    told(agency, CallNoted(fact="noted", party=DANA, call_id="call", text="We said 31."), at=NOON + 4 * H)
    [draft] = [row for row in agency.rows("drafts") if row.seat == "dash"]
    assert (draft.sends, draft.state, draft.audience) == ("summary.sent", "pending", "customer")
    assert "leads: 31" in draft.body
    assert not data(agency, "summary.sent")


def test_r39_a_revision_that_comes_with_the_brief_is_not_lost(agency: Agency) -> None:
    told(agency, figures(42), call(NOON + 3 * H))
    agency.clock.set(NOON + H)
    agency.tell(figures(31, "revised", NOON + H))
    agency.sweep(NOON + H)  # the deadline fires first, the revision lies before the brief
    briefs, corrected = data(agency, "brief.issued"), data(agency, "metrics.corrected")
    assert [one.figures[0].value for one in briefs] == [42] if corrected else [31]


def test_r40_an_untrusted_figure_enters_no_brief_and_the_manager_is_told_why(agency: Agency) -> None:
    told(agency, figures(42, platform_spend=1), call(NOON + 3 * H))
    agency.sweep(NOON + H)
    [brief] = data(agency, "brief.issued")
    assert brief.figures == ()
    assert "totals disagree" in brief.reason
    assert any(row.rule == "R38" and "totals disagree" in row.text for row in agency.rows("tasks"))


def test_r40_a_human_may_override_a_grade_with_a_reason_and_the_figure_is_briefed(agency: Agency) -> None:
    told(agency, figures(42, platform_spend=1), call(NOON + 3 * H))
    [snapshot] = data(agency, "metrics.snapshot")
    with agency.store.begin() as connection:
        override_grade(
            connection,
            agency.engine.plan,
            str(snapshot.id),
            "trusted",
            by="anna",
            reason="their total lags",
            now=agency.clock(),
        )
    agency.work()
    last = data(agency, "metrics.trust_assessed")[-1]
    assert (last.grade, last.override_by, last.reason) == ("trusted", "anna", "their total lags")
    assert (last.envelope.source, last.envelope.trust) == ("/people/anna", "human")
    agency.sweep(NOON + H)
    [brief] = data(agency, "brief.issued")
    assert (brief.figures[0].value, brief.figures[0].grade, brief.reason) == (42, "trusted", None)


def test_r36_figures_that_have_not_come_by_eight_in_the_accounts_time_are_missing_once(agency: Agency) -> None:
    told(agency, figures(42))
    eight = local_time_on(NOON.date() + D, time(8), "America/Chicago")
    agency.sweep(eight - S)
    assert not data(agency, "metrics.missing")
    agency.sweep(eight)
    agency.sweep(eight + H)
    [missing] = data(agency, "metrics.missing")
    assert (missing.platform, missing.day, missing.cutoff) == ("meta", NOON.date(), eight)
    told(agency, RelationshipEnded(fact="ended", party=DANA), at=eight + 2 * H)
    agency.sweep(eight + 3 * D)
    assert len(data(agency, "metrics.missing")) == 1


# --- story 7: silence is heard ---------------------------------------------------------------------------------------


def outreach(at: datetime, name: str) -> OutreachSent:
    return OutreachSent(fact=name, party=DANA, occurred_at=at, message_ref=name, channel="mail")


def test_r46_r48_two_attempts_that_nobody_answers_are_one_signal_a_risk_and_a_draft_for_the_coo(
    agency: Agency,
) -> None:
    first, second = NOON + H, NOON + 73 * H
    told(agency, figures(20))
    told(agency, outreach(first, "a"), at=first)
    away = EmailReceived(
        fact="ooo", party=DANA, occurred_at=first + H, message_id="m", sender="dana@acme.example", auto="out_of_office"
    )
    told(agency, away, at=first + H)
    agency.sweep(first + 72 * H)
    assert not data(agency, "signal.detected")
    told(agency, outreach(second, "b"), at=second)
    agency.sweep(second + 72 * H - S)
    assert not data(agency, "signal.detected")
    agency.sweep(second + 72 * H)
    [signal] = data(agency, "signal.detected")
    [risk] = data(agency, "risk.flagged")
    assert (signal.signal, risk.severity, risk.evidence) == ("no_response", "at_risk", (str(signal.id),))
    [draft] = [row for row in agency.rows("drafts") if row.seat == "pulse"]
    assert (draft.sends, draft.state, draft.gate) == ("outreach.sent", "pending", "outreach")
    assert str(signal.id) in draft.sources
    assert [row.state for row in agency.rows("flags") if row.name == "risk"] == ["open"]
    # The partner calls: the count begins anew; the flag is a human's to clear.
    caller = CallCompleted(
        fact="call",
        party=PARTNER,
        occurred_at=second + 80 * H,
        call_id="c",
        direction="inbound",
        duration=60,
        outcome="answered",
    )
    told(agency, caller, at=second + 80 * H)
    agency.sweep(second + 200 * H)
    assert len(data(agency, "signal.detected")) == 1
    assert [row.state for row in agency.rows("flags") if row.name == "risk"] == ["open"]


def test_r46_one_attempt_alone_is_never_a_signal(agency: Agency) -> None:
    told(agency, figures(20), outreach(NOON, "a"))
    agency.sweep(NOON + 400 * H)
    assert not data(agency, "signal.detected")


# --- figures that fall -----------------------------------------------------------------------------------------------


def test_r42_r43_r50_a_week_of_half_the_leads_opens_one_risk_that_is_confirmed_however_many_figures_come_at_once(
    agency: Agency,
) -> None:
    leads = [20] * 28 + [10] * 7
    days = [figures(number, f"d{place}", NOON - H, back=len(leads) - place) for place, number in enumerate(leads)]
    told(agency, *days)
    assert len(data(agency, "metrics.trust_assessed")) == len(leads)
    agency.sweep(NOON + D)
    signals, risks = data(agency, "signal.detected"), data(agency, "risk.flagged")
    assert [(one.signal, one.level) for one in signals] == [
        ("lead_volume_drop", "watch"),
        ("lead_volume_drop", "at_risk"),
    ]
    assert [(one.flag_id, one.severity) for one in risks] == [
        (risks[0].flag_id, "watch"),
        (risks[0].flag_id, "at_risk"),
    ]
    assert [(row.name, row.state) for row in agency.rows("flags") if row.name == "risk"] == [("risk", "open")]
    drafts = [row.state for row in agency.rows("drafts") if row.seat == "pulse"]
    assert drafts == ["superseded", "pending"]
    assert {row.to_seat for row in agency.rows("messages") if row.from_seat == "pulse"} == {"dirk"}


def test_r51_a_score_is_updated_once_a_morning_for_a_client_of_both_dailies(agency: Agency) -> None:
    leads = [20] * 35
    days = [figures(number, f"d{place}", NOON - H, back=len(leads) - place) for place, number in enumerate(leads)]
    told(agency, won(), *days)
    agency.sweep(NOON + D)
    assert [(one.score, set(one.components)) for one in data(agency, "score.updated")] == [(50, {"volume", "cpl"})]
