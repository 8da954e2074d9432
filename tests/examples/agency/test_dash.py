"""Dash's handlers, in memory: what is graded, briefed, corrected and missed. Through the engine: test_figures.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import pytest

from seamline import Event, Party
from seamline.context import Account, Deadline, Draft, Effect, Emit, Flag, Message, Task
from seamline.events import (
    BriefIssued,
    CallNoted,
    CampaignStatusChanged,
    MeetingBooked,
    MeetingCancelled,
    MeetingRescheduled,
    MetricsCorrected,
    MetricsMissing,
    MetricsSnapshot,
    MetricsTrustAssessed,
    OutreachSent,
    SummarySent,
)
from seamline.events.base import event_id
from seamline.testing import ACCOUNT, run_handler, run_timer
from seamline.testing.play import SOURCE
from seamline.trust import Expected
from seamline_agency import clients
from seamline_agency.roster import roster
from seamline_agency.seats.dash import dash

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
YESTERDAY = date(2026, 11, 19)
CLIENT = replace(ACCOUNT, name="Harbor Lane Dental", stage="delivery", manager="max@northwind.example.com")
T = TypeVar("T")


def only(effects: Sequence[Effect], kind: type[T]) -> T:
    """The one effect of a kind."""
    found = [effect for effect in effects if isinstance(effect, kind)]
    assert len(found) == 1, effects
    return found[0]


def said(effects: Sequence[Effect], kind: type[Event]) -> list[Any]:
    return [effect.event for effect in effects if isinstance(effect, Emit) and isinstance(effect.event, kind)]


def snapshot(name: str = "s1", day: date = YESTERDAY, **fields: Any) -> MetricsSnapshot:
    told = {
        "fact": name,
        "occurred_at": NOW - timedelta(hours=6),
        "platform": "meta",
        "ad_account_id": "act_1",
        "period": {"start": day, "end": day, "tz": "America/Chicago"},
        "spend": 80_000,
        "currency": "USD",
        "leads": 40,
        "as_of": NOW - timedelta(hours=6),
        "definition_hash": "d1",
    }
    return MetricsSnapshot.model_validate(told | fields)


def id_of(name: str, event_type: str = "metrics.snapshot") -> str:
    return str(event_id(SOURCE, event_type, name))


def graded(name: str = "s1", grade: str = "trusted", **fields: Any) -> MetricsTrustAssessed:
    return MetricsTrustAssessed.model_validate({"snapshot_id": id_of(name), "grade": grade} | fields)


def brief_of(effects: Sequence[Effect]) -> BriefIssued:
    [found] = said(effects, BriefIssued)
    assert isinstance(found, BriefIssued)
    return found


def the_call(at: datetime = NOW + timedelta(hours=2), name: str = "call-1") -> MeetingBooked:
    return MeetingBooked(fact=name, occurred_at=NOW - timedelta(days=1), calendar_event_id=name, starts_at=at)


def due(
    name: str, history: Sequence[Event], *, key: str, now: datetime = NOW, account: Account = CLIENT
) -> list[Effect]:
    return run_timer(dash, name, history, now=now, key=key, account=account, roster=roster)


def handed(
    event: Event, history: Sequence[Event] = (), *, now: datetime = NOW, account: Account = CLIENT
) -> list[Effect]:
    return run_handler(dash, event, history, now=now, account=account, roster=roster)


# --- R40, R41: trust -------------------------------------------------------------------------------------------------


def test_r40_a_fresh_whole_snapshot_of_the_right_account_is_trusted_and_names_the_snapshot() -> None:
    effects = handed(snapshot())
    [found] = said(effects, MetricsTrustAssessed)
    assert (found.snapshot_id, found.grade, found.failed_checks) == (id_of("s1"), "trusted", ())
    assert not [one for one in effects if isinstance(one, Flag)]


@pytest.mark.parametrize(
    ("fields", "failed"),
    [
        ({"as_of": NOW - timedelta(hours=18, seconds=1)}, "stale"),
        ({"ad_account_id": "act_2"}, "wrong_account"),
        ({"currency": "EUR"}, "wrong_currency"),
        ({"period": {"start": YESTERDAY, "end": YESTERDAY, "tz": "Europe/Berlin"}}, "wrong_timezone"),
        ({"period": {"start": YESTERDAY, "end": date(2026, 11, 20), "tz": "America/Chicago"}}, "incomplete_period"),
        ({"platform_spend": 90_000}, "totals_disagree"),
        ({"definition_hash": "d2"}, "definition_changed"),
    ],
)
def test_r40_r41_what_fails_one_check_is_untrusted_and_a_human_is_told_which(
    fields: dict[str, Any], failed: str
) -> None:
    first = snapshot("s0", date(2026, 11, 17), as_of=NOW - timedelta(days=2))
    effects = handed(snapshot(**fields), [first, graded("s0")])
    [found] = said(effects, MetricsTrustAssessed)
    assert found.grade == "untrusted"
    assert failed in found.failed_checks
    assert failed.replace("_", " ") in only(effects, Flag).text


def test_r40_days_that_are_still_open_to_attribution_are_provisional() -> None:
    [found] = said(handed(snapshot(provisional=True)), MetricsTrustAssessed)
    assert found.grade == "provisional"


def test_r40_what_the_settings_say_of_a_client_counts_before_what_its_platform_told_first() -> None:
    rows = {"Harbor Lane Dental": (Expected("act_9", "USD", "America/Chicago"),)}
    found = clients.expected(snapshot(), "Harbor Lane Dental", [], rows)
    assert found.ad_account_id == "act_9"
    assert clients.expected(snapshot(), "Somebody else", [], rows).ad_account_id == "act_1"


def test_r40_an_untrusted_snapshot_says_nothing_of_what_is_expected_of_the_next() -> None:
    wrong = snapshot("s0", date(2026, 11, 17), as_of=NOW - timedelta(days=2), ad_account_id="act_7")
    [found] = said(handed(snapshot(), [wrong, graded("s0", "untrusted")]), MetricsTrustAssessed)
    assert found.grade == "trusted"


def test_r40_a_big_move_stays_trusted_and_is_shown_to_a_human() -> None:
    days = [date(2026, 11, 18) - timedelta(days=back) for back in range(7)]
    before = [snapshot(f"d{day}", day, as_of=NOW - timedelta(days=2)) for day in days]
    effects = handed(snapshot(leads=10), before)
    [found] = said(effects, MetricsTrustAssessed)
    assert (found.grade, found.check, found.deltas["leads_7"]) == ("trusted", True, -0.75)
    assert only(effects, Flag).name == "figures-moved"


def test_r40_campaigns_are_trusted_once_they_come_to_the_accounts_own_total() -> None:
    first = snapshot("c1", campaign_id="1", spend=50_000, platform_spend=80_000)
    last = snapshot("c2", campaign_id="2", spend=30_000, platform_spend=80_000)
    [alone] = said(handed(first), MetricsTrustAssessed)
    assert alone.failed_checks == ("totals_disagree",)
    whole = said(handed(last, [first]), MetricsTrustAssessed)
    assert {(one.snapshot_id, one.grade) for one in whole} == {(id_of("c1"), "trusted"), (id_of("c2"), "trusted")}


def test_r40_what_a_human_graded_is_not_graded_again() -> None:
    first = snapshot("c1", campaign_id="1", spend=50_000, platform_spend=80_000)
    last = snapshot("c2", campaign_id="2", spend=30_000, platform_spend=80_000)
    by_hand = graded("c1", "provisional", override_by="anna", reason="they still count")
    assert [one.snapshot_id for one in said(handed(last, [first, by_hand]), MetricsTrustAssessed)] == [id_of("c2")]


def test_r40_a_definition_that_a_human_has_accepted_is_what_is_expected_from_then_on() -> None:
    old = snapshot("s0", date(2026, 11, 16), as_of=NOW - timedelta(days=3))
    new = snapshot("s1", date(2026, 11, 17), as_of=NOW - timedelta(days=2), definition_hash="d2")
    refused, accepted = graded("s1", "untrusted"), graded("s1", override_by="anna", reason="we count calls too")
    next_ = snapshot("s2", definition_hash="d2")
    [found] = said(handed(next_, [old, graded("s0"), new, refused]), MetricsTrustAssessed)
    assert found.failed_checks == ("definition_changed",)
    [found] = said(handed(next_, [old, graded("s0"), new, refused, accepted]), MetricsTrustAssessed)
    assert found.grade == "trusted"


def test_an_old_reading_that_comes_late_is_graded_by_itself() -> None:
    newer = snapshot("s2", leads=31, as_of=NOW - timedelta(hours=1))
    [found] = said(handed(snapshot("s1"), [newer]), MetricsTrustAssessed)
    assert (found.snapshot_id, found.grade) == (id_of("s1"), "trusted")


def test_r40_what_was_told_before_the_company_was_connected_is_graded_in_the_night_without_an_alarm() -> None:
    history = [snapshot("h1", date(2026, 11, 17)), snapshot("h2", date(2026, 11, 18)), snapshot("s1"), graded("s1")]
    effects = run_timer(dash, "figures", history, now=NOW + timedelta(days=3), account=CLIENT, roster=roster)
    found = said(effects, MetricsTrustAssessed)
    assert [(one.snapshot_id, one.grade) for one in found] == [(id_of("h1"), "trusted"), (id_of("h2"), "trusted")]
    assert not [one for one in effects if isinstance(one, Flag)]


# --- R36: missing ----------------------------------------------------------------------------------------------------


def test_r36_the_cut_off_is_at_eight_in_the_accounts_own_time() -> None:
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    asked = only(run_timer(dash, "figures", [snapshot()], now=midnight, account=CLIENT), Deadline)
    assert (asked.name, asked.at, asked.key) == ("cutoff", datetime(2026, 11, 20, 14, tzinfo=UTC), "2026-11-19")


def test_r36_a_platform_that_told_before_and_not_of_yesterday_is_missing_once() -> None:
    told = [snapshot("m", date(2026, 11, 18)), snapshot("g", YESTERDAY, platform="google_ads")]
    effects = due("cutoff", told, key="2026-11-19")
    [missing] = said(effects, MetricsMissing)
    assert (missing.platform, missing.day, missing.cutoff) == ("meta", YESTERDAY, NOW)
    emitted = next(effect for effect in effects if isinstance(effect, Emit))
    assert (emitted.key, emitted.once) == ("meta/2026-11-19", True)


def test_r36_a_platform_whose_campaigns_are_all_stopped_has_nothing_to_tell() -> None:
    told = [
        snapshot("m", date(2026, 11, 18)),
        CampaignStatusChanged(campaign_id="1", platform="meta", status="paused", occurred_at=NOW - timedelta(days=2)),
    ]
    assert not said(due("cutoff", told, key="2026-11-19"), MetricsMissing)
    again = CampaignStatusChanged(campaign_id="1", platform="meta", status="active", occurred_at=NOW)
    assert said(due("cutoff", [*told, again], key="2026-11-19"), MetricsMissing)


def test_r36_of_whoever_has_left_since_midnight_nothing_is_missing() -> None:
    assert not due(
        "cutoff", [snapshot("m", date(2026, 11, 18))], key="2026-11-19", account=replace(CLIENT, stage="exit")
    )


# --- R38: briefs -----------------------------------------------------------------------------------------------------


def test_r38_a_clients_meeting_asks_for_a_brief_two_hours_before() -> None:
    at = NOW + timedelta(days=2)
    asked = only(handed(the_call(at)), Deadline)
    assert (asked.name, asked.at, asked.key, asked.rule) == ("brief", at - timedelta(hours=2), "call-1", "R38")
    assert not handed(the_call(at), account=replace(CLIENT, stage="proposal"))
    assert not [one for one in handed(the_call(NOW - timedelta(hours=1))) if isinstance(one, Deadline)]


def test_r38_the_manager_has_figure_period_currency_source_time_and_grade_before_the_call() -> None:
    effects = due("brief", [snapshot(), graded(), the_call()], key="call-1")
    brief = brief_of(effects)
    assert (brief.call_id, brief.recipient, brief.reason) == ("call-1", "max@northwind.example.com", None)
    figure = brief.figures[0]
    assert (figure.metric, figure.value, figure.source, figure.grade) == ("leads", 40, "meta", "trusted")
    assert figure.snapshot_id == id_of("s1")
    task = only(effects, Task)
    assert (task.assignee, task.due_at) == ("max@northwind.example.com", NOW + timedelta(hours=2))
    for word in ("leads: 40", "spend: 800.00 USD", "2026-11-19", "meta", "as of 2026-11-20 06:00 UTC"):
        assert word in task.text


def test_r38_without_a_manager_the_coo_is_told() -> None:
    effects = due("brief", [snapshot(), graded(), the_call()], key="call-1", account=replace(CLIENT, manager=None))
    assert (brief_of(effects).recipient, only(effects, Task).assignee) == ("coo", "coo")


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ([], "no platform has told any figures"),
        ([snapshot(), graded(grade="untrusted", failed_checks=("stale",))], "stale"),
        ([snapshot()], "not graded yet"),
        ([snapshot(provisional=True), graded(grade="provisional")], "provisional"),
    ],
)
def test_r38_without_a_trusted_figure_the_manager_is_told_so_with_the_reason(told: list[Event], reason: str) -> None:
    effects = due("brief", [*told, the_call()], key="call-1")
    brief = brief_of(effects)
    assert brief.reason is not None
    assert reason in brief.reason
    assert "untrusted" not in {figure.grade for figure in brief.figures}
    assert brief.reason in only(effects, Task).text


def test_r38_a_newer_provisional_figure_stands_labelled_beside_the_trusted_one() -> None:
    old = snapshot("s0", date(2026, 11, 10), leads=35)
    new = snapshot("s1", leads=21, provisional=True)
    effects = due("brief", [old, graded("s0"), new, graded("s1", "provisional"), the_call()], key="call-1")
    assert [(one.value, one.grade) for one in brief_of(effects).figures if one.metric == "leads"] == [
        (35, "trusted"),
        (21, "provisional"),
    ]
    assert "PROVISIONAL" in only(effects, Task).text


def test_r38_a_meeting_that_was_called_off_or_moved_gets_no_brief() -> None:
    told = [snapshot(), graded(), the_call()]
    off = MeetingCancelled(calendar_event_id="call-1", occurred_at=NOW)
    assert not said(due("brief", [*told, off], key="call-1"), BriefIssued)
    moved = MeetingRescheduled(
        calendar_event_id="call-2", previous_event_id="call-1", starts_at=NOW + timedelta(days=3), occurred_at=NOW
    )
    assert not said(due("brief", [*told, moved], key="call-1"), BriefIssued)
    assert only(handed(moved, told), Deadline).key == "call-2"


def test_r38_a_meeting_that_was_moved_under_its_own_id_is_briefed_before_its_new_time() -> None:
    moved = MeetingRescheduled(calendar_event_id="call-1", starts_at=NOW + timedelta(days=3), occurred_at=NOW)
    told = [snapshot(), graded(), the_call(), moved]
    assert not said(due("brief", told, key="call-1"), BriefIssued)
    assert brief_of(due("brief", told, key="call-1", now=NOW + timedelta(days=3, hours=-2))).call_id == "call-1"


# --- R39: corrections ------------------------------------------------------------------------------------------------


def a_brief(*told: Event, name: str = "b1") -> BriefIssued:
    found = brief_of(due("brief", [*(told or (snapshot(leads=42), graded())), the_call()], key="call-1"))
    return found.model_copy(update={"fact": name})


REVISED = snapshot("s2", leads=31, as_of=NOW - timedelta(hours=1))


def test_r39_a_figure_that_was_briefed_and_is_revised_is_corrected() -> None:
    history = [snapshot(leads=42), graded(), a_brief(), REVISED]
    effects = handed(graded("s2"), history)
    [found] = said(effects, MetricsCorrected)
    assert (found.snapshot_id, found.deltas["leads"]) == (id_of("s2"), -11)
    assert found.briefs == (id_of("b1", "brief.issued"),)
    assert only(effects, Emit).once


def test_r39_a_revision_within_the_tolerance_or_untrusted_corrects_nothing() -> None:
    close = snapshot("s2", leads=42.3, as_of=NOW - timedelta(hours=1))
    history = [snapshot(leads=42), graded(), a_brief()]
    assert not handed(graded("s2"), [*history, close])
    assert not handed(graded("s2", "untrusted"), [*history, REVISED])


def test_r41_figures_across_a_change_of_their_definition_are_not_compared() -> None:
    changed = REVISED.model_copy(update={"definition_hash": "d2"})
    assert not handed(graded("s2"), [snapshot(leads=42), graded(), a_brief(), changed])


def test_r39_a_revision_that_came_while_the_brief_was_written_is_found_when_it_is_issued() -> None:
    effects = handed(a_brief(), [snapshot(leads=42), graded(), REVISED, graded("s2")])
    assert [one.deltas["leads"] for one in said(effects, MetricsCorrected)] == [-11]


def test_r39_what_was_corrected_is_not_corrected_again_and_a_figure_that_returns_is() -> None:
    brief = a_brief()
    once = MetricsCorrected(
        snapshot_id=id_of("s2"), deltas={"leads": -11, "cpl": 676}, briefs=(id_of("b1", "brief.issued"),)
    )
    history = [snapshot(leads=42), graded(), brief, REVISED, graded("s2"), once]
    same = snapshot("s3", leads=31, as_of=NOW)
    assert not handed(graded("s3"), [*history, same])
    back = snapshot("s3", leads=42, as_of=NOW)
    [found] = said(handed(graded("s3"), [*history, back]), MetricsCorrected)
    assert found.deltas["leads"] == 0


def corrected() -> MetricsCorrected:
    return MetricsCorrected(snapshot_id=id_of("s2"), deltas={"leads": -11}, briefs=(id_of("b1", "brief.issued"),))


def test_r39_everyone_who_received_the_old_figure_is_told_before_their_next_call() -> None:
    history = [the_call(), snapshot(leads=42), graded(), a_brief(), REVISED, graded("s2")]
    effects = handed(corrected(), history)
    task = only(effects, Task)
    assert (task.assignee, task.due_at) == ("max@northwind.example.com", NOW + timedelta(hours=2))
    assert task.title.startswith("Urgent: ")
    assert "leads: 31" in task.text
    assert only(effects, Message).to == "account_manager"


def test_r39_without_a_call_today_it_is_told_and_not_urgent() -> None:
    history = [snapshot(leads=42), graded(), a_brief(), REVISED, graded("s2"), the_call(NOW + timedelta(days=2), "c2")]
    task = only(handed(corrected(), history), Task)
    assert (task.title, task.due_at) == ("Corrected figures for Harbor Lane Dental", NOW + timedelta(days=2))


# --- R3, R37: the summary --------------------------------------------------------------------------------------------

DANA = Party(name="Dana Whitfield", email="dana@example.com")


def test_r3_r37_a_call_that_was_noted_becomes_the_draft_of_a_summary_and_nothing_that_is_sent() -> None:
    call = CallNoted(party=DANA, call_id="call-1", text="They like it.", occurred_at=NOW)
    draft = only(handed(call, [snapshot(), graded()]), Draft)
    assert (draft.sends, draft.channel, draft.recipients) == (SummarySent, "mail", ("dana@example.com",))
    assert {figure.grade for figure in draft.figures} == {"trusted"}
    assert "leads: 40" in draft.body
    assert draft.missing == ()


def test_r3_a_summary_says_that_there_are_no_call_notes() -> None:
    draft = only(handed(CallNoted(party=DANA, call_id="call-1", occurred_at=NOW)), Draft)
    assert draft.missing == ("no call notes", "no figure that can be trusted")
    assert draft.figures == ()


def test_r40_no_provisional_figure_stands_in_a_customers_draft() -> None:
    call = CallNoted(party=DANA, call_id="call-1", text="They like it.", occurred_at=NOW)
    draft = only(handed(call, [snapshot(provisional=True), graded(grade="provisional")]), Draft)
    assert draft.figures == ()


def test_r37_dash_is_an_agent_and_makes_no_fact_that_a_customer_got_something() -> None:
    assert dash.kind == "agent"
    assert not any(roster.may_emit(dash, kind) for kind in (SummarySent, OutreachSent))
