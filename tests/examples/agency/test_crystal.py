"""Crystal: the project's log, the welcome, milestones, and an exit as structured as the beginning."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from seamline import Event, Ref
from seamline.context import Check, Effect, Flag, Log, Task
from seamline.events import (
    AccountStatusChanged,
    CampaignStatusChanged,
    ContractSigned,
    ContractVoided,
    DealWon,
    EmailReceived,
    EmailSent,
    ExitAdhocDetected,
    ExitItemReopened,
    ExitItemVerified,
    ExitLogged,
    GuardRefused,
    InvoiceFailed,
    InvoiceIssued,
    InvoicePaid,
    InvoiceVoided,
    KickoffBooked,
    KickoffHeld,
    MeetingHeld,
    MilestoneCompleted,
    OnboardingCompleted,
    OnboardingStarted,
    PixelStatusChanged,
    ProjectClosed,
    ProjectCreated,
    ProjectNoted,
    ProposalSent,
    RelationshipEnded,
    TaskChanged,
)
from seamline.testing import run_handler
from seamline.testing.play import SOURCE
from seamline_agency.leaving import ITEMS
from seamline_agency.seats.crystal import crystal
from seamline_workers.desk.exit import settle_item
from seamline_workers.store.store import now_us
from support.agency import BEGAN, Agency
from support.handlers import DANA, NOW, a_lead, customer, drafted, of, only, said

PROJECT = ProjectCreated(
    project_id="project-D1", engagement_id="D1", kickoff_milestone_id="project-D1/kickoff", deal_id="D1", fact="p"
)
STARTED = OnboardingStarted(project_id="project-D1", sequence_id="s", contract_id="K1", fact="started")
SENT = ProposalSent(party=DANA, proposal_id="P1", title="More patients, two practices", fact="sent")
H = timedelta(hours=1)


# --- the welcome ----------------------------------------------------------------------------------------------------


def welcome(*history: Event) -> list[Effect]:
    return run_handler(crystal, STARTED, [PROJECT, *history], now=NOW, account=customer("onboarding"))


def test_r33_the_welcome_has_the_scope_of_the_proposal_and_says_what_is_not_known() -> None:
    draft = drafted(welcome(SENT))
    assert (draft.recipients, draft.sends, draft.under) == (("dana@example.com",), EmailSent, OnboardingStarted)
    assert "What we agreed on: More patients, two practices." in draft.body
    assert "choose a time for your kickoff" in draft.body
    assert set(draft.missing) == {"the acceptance", "the contract", "call notes", "the mails before the sale"}


def test_r33_the_onboarding_team_has_the_scope_the_contacts_and_the_thread_before_the_sale() -> None:
    mails = [
        EmailReceived(message_id=f"M{n}", sender="dana@example.com", subject=f"subject {n}", fact=f"m{n}")
        for n in (1, 2)
    ]
    task = only(welcome(SENT, *mails), Task)
    assert task.assignee == "onboarding_team"
    for known in ("More patients, two practices", "dana@example.com", "call notes"):
        assert known in task.text
    assert task.text.index("subject 2") < task.text.index("subject 1")


def test_a_welcome_names_the_time_of_a_kickoff_that_is_booked_already() -> None:
    booked = KickoffBooked(calendar_event_id="E1", starts_at=datetime(2026, 12, 1, 15, 30, tzinfo=UTC), fact="b")
    body = drafted(welcome(SENT, booked)).body
    assert "Your kickoff is on 1 December 2026, 15:30 UTC." in body
    assert "choose a time" not in body


def test_r4_the_welcome_rests_on_its_contract_and_waits_at_the_gate_of_the_onboarding_team(agency: Agency) -> None:
    agency.tell(won())
    agency.work()
    assert agency.rows("drafts") == []
    agency.tell(ContractSigned(party=DANA, occurred_at=BEGAN + H, contract_id="K1", fact="signed"))
    agency.work()
    [draft] = [row for row in agency.rows("drafts") if row.seat == "crystal"]
    assert (draft.state, draft.gate, draft.under) == ("pending", "welcome", "onboarding.started")
    assert '"contract_id":"K1"' in draft.fields.replace(" ", "")


def won(**fields: Any) -> DealWon:
    told = {"party": DANA, "occurred_at": BEGAN, "deal_id": "D1", "fact": "won"}
    return DealWon.model_validate(told | fields)


# --- the project's log and its milestones ---------------------------------------------------------------------------


def test_r66_what_happens_in_a_project_is_a_line_of_its_log_and_without_one_of_the_timeline() -> None:
    booked = KickoffBooked(calendar_event_id="E1", starts_at=NOW)
    [noted] = said(run_handler(crystal, booked, [PROJECT]), ProjectNoted)
    assert noted.project_id == "project-D1"
    assert "Kickoff booked" in (noted.text or "")
    assert only(run_handler(crystal, booked), Log)
    closed = ProjectClosed(project_id="project-D1", fact="closed")
    assert only(run_handler(crystal, booked, [PROJECT, closed]), Log)


def a_task(task: str, completed: bool, milestone: bool = True) -> TaskChanged:
    status = "done" if completed else "open"
    return TaskChanged(
        task_id=task, status=status, milestone=milestone, completed=completed, name=task, fact=f"{task} {status}"
    )


def test_a_task_that_is_a_milestone_and_finished_is_a_milestone_reached() -> None:
    for task, reached in (
        (a_task("T1", completed=True), 1),
        (a_task("T1", completed=False), 0),
        (a_task("T1", completed=True, milestone=False), 0),
    ):
        assert len(said(run_handler(crystal, task, [PROJECT]), MilestoneCompleted)) == reached


def test_a_kickoff_is_held_once_whoever_tells_it() -> None:
    held = KickoffHeld(calendar_event_id="E1")
    [reached] = said(run_handler(crystal, held, [PROJECT]), MilestoneCompleted)
    assert reached.milestone_id == PROJECT.kickoff_milestone_id
    assert said(run_handler(crystal, held, [PROJECT, reached]), MilestoneCompleted) == []
    meeting = MeetingHeld(calendar_event_id="E1", purpose="kickoff")
    assert said(run_handler(crystal, meeting, [PROJECT]), MilestoneCompleted)
    assert run_handler(crystal, meeting.model_copy(update={"purpose": "review"}), [PROJECT]) == []


def reached(milestone: str) -> MilestoneCompleted:
    return MilestoneCompleted(project_id="project-D1", milestone_id=milestone, fact=f"reached {milestone}")


def completed(last: str, *history: Event) -> int:
    return len(said(run_handler(crystal, reached(last), history), OnboardingCompleted))


def test_onboarding_is_done_with_the_kickoff_where_no_tool_tells_of_milestones() -> None:
    kickoff = PROJECT.kickoff_milestone_id
    assert completed(kickoff, PROJECT, STARTED) == 1
    assert completed(kickoff, PROJECT) == 0  # it has never started


def test_onboarding_is_done_with_the_last_milestone_in_whatever_order_they_are_reached() -> None:
    names = (PROJECT.kickoff_milestone_id, "T1", "T2")
    begun = [PROJECT, STARTED, a_task("T1", completed=False), a_task("T2", completed=False)]
    for order in permutations(names):
        history, counts = list[Event](begun), []
        for name in order:
            if name in ("T1", "T2"):
                history.append(a_task(name, completed=True))
            counts.append(completed(name, *history))
            history.append(reached(name))
        assert counts == [0, 0, 1]


# --- the exit -------------------------------------------------------------------------------------------------------

END = RelationshipEnded(
    party=DANA, occurred_at=NOW, initiated_by="customer", reason="budget", fact="end",
    effective_at=datetime(2026, 12, 31, 12, tzinfo=UTC),
)  # fmt: skip
ACCOUNT_REF = Ref(of="account", kind="ad_account", id="act_1", provider="meta")
CUSTOMER_REF = Ref(of="account", kind="customer", id="cus_1", provider="stripe", realm="acct_1")


def test_r55_r58_the_end_opens_a_checklist_and_whoever_can_be_asked_is_asked() -> None:
    pixel = PixelStatusChanged(pixel_id="px1", status="active", fact="px")
    account = customer("exit", refs=(ACCOUNT_REF, CUSTOMER_REF))
    checks = {check.item: check for check in of(run_handler(crystal, END, [PROJECT, pixel], account=account), Check)}
    assert set(checks) == set(ITEMS)
    assert (checks["campaign"].ref, checks["invoice"].ref) == (ACCOUNT_REF, CUSTOMER_REF)
    asked = checks["pixel"].ref
    assert asked is not None
    assert (asked.kind, asked.id, checks["pixel"].source) == ("pixel", "px1", SOURCE)


def test_r58_without_a_reference_each_campaign_that_was_told_of_is_asked_about() -> None:
    told = [
        CampaignStatusChanged(campaign_id=campaign, platform="meta", status="active", fact=f"{campaign} {n}")
        for campaign, n in (("c1", 1), ("c2", 1), ("c1", 2))
    ]
    checks = of(run_handler(crystal, END, told, account=customer("exit")), Check)
    assert [check.ref.id for check in checks if check.item == "campaign" and check.ref] == ["c1", "c2"]


def test_r58_what_nobody_can_be_asked_about_is_a_humans() -> None:
    effects = run_handler(crystal, END, [PROJECT], account=customer("exit"))
    assert [(check.item, check.ref) for check in of(effects, Check)] == [(item, None) for item in ITEMS]
    assert {task.rule for task in of(effects, Task)} == {"R58"}
    assert len(of(effects, Task)) == len(ITEMS)


def test_r55_an_end_that_is_told_again_opens_no_second_checklist() -> None:
    again = END.model_copy(update={"fact": "end, told by billing"})
    assert of(run_handler(crystal, again, [END], account=customer("exit")), Check) == []
    back = a_lead(fact="back")
    assert of(run_handler(crystal, again, [END, back], account=customer("exit")), Check)


def verified(item: str, n: int = 1) -> ExitItemVerified:
    return ExitItemVerified(item=item, by="anna", reason="handed over", fact=f"{item} {n}")


def test_r57_the_log_has_reason_dates_who_evidence_and_open_balance() -> None:
    invoices = [
        InvoiceIssued(invoice_id="I1", amount=10_000, currency="USD", fact="i1"),
        InvoiceIssued(invoice_id="I2", amount=20_000, currency="USD", fact="i2"),
        InvoicePaid(invoice_id="I1", amount=10_000, currency="USD", fact="i3"),
    ]
    history = [PROJECT, *invoices, END, verified("pixel"), verified("campaign")]
    effects = run_handler(crystal, verified("invoice"), history, now=NOW + H)
    [logged] = said(effects, ExitLogged)
    assert (logged.reason, logged.ended_on, logged.logged_on) == ("budget", date(2026, 12, 31), NOW.date())
    assert "customer" in logged.by
    assert len(logged.checklist) == 3
    assert (logged.open_balance, logged.currency) == (20_000, "USD")
    [closed] = said(effects, ProjectClosed)
    assert closed.project_id == "project-D1"


@pytest.mark.parametrize(
    ("invoices", "balance"),
    [
        ([], (None, None)),
        ([InvoiceFailed(invoice_id="I1", amount=500, currency="EUR", fact="f")], (500, "EUR")),
        (
            [
                InvoiceIssued(invoice_id="I1", amount=500, currency="EUR", fact="a"),
                InvoiceVoided(invoice_id="I1", fact="b"),
            ],
            (0, "EUR"),
        ),
        (
            [
                InvoiceIssued(invoice_id="I1", amount=500, currency="EUR", fact="a"),
                InvoiceIssued(invoice_id="I2", amount=500, currency="USD", fact="b"),
            ],
            (None, None),
        ),
    ],
)
def test_r57_the_open_balance_is_what_is_known_in_one_currency(invoices: list[Event], balance: Any) -> None:
    [logged] = said(run_handler(crystal, verified("invoice"), [*invoices, END]), ExitLogged)
    assert (logged.open_balance, logged.currency) == balance


def test_r57_an_item_that_is_settled_again_logs_no_second_exit() -> None:
    logged = ExitLogged(reason="budget", ended_on=NOW.date(), by="customer", fact="logged")
    effects = run_handler(crystal, verified("pixel", 2), [END, verified("pixel"), logged])
    assert [type(effect) for effect in effects] == [Log]
    assert only(run_handler(crystal, ExitItemReopened(item="pixel")), Log)


def inactive(n: int = 1) -> AccountStatusChanged:
    return AccountStatusChanged(party=DANA, status="inactive", fact=f"inactive {n}")


def test_r59_a_customer_who_turns_inactive_without_an_end_is_shown_to_a_human() -> None:
    [adhoc] = said(run_handler(crystal, inactive(), account=customer("delivery")), ExitAdhocDetected)
    assert len(adhoc.evidence) == 1
    effects = run_handler(crystal, adhoc, account=customer("delivery"))
    assert only(effects, Flag).severity == "risk"
    assert (only(effects, Task).assignee, only(effects, Task).rule) == ("coo", "R59")


def test_r59_nothing_is_detected_of_whoever_left_in_order_or_never_was_a_customer() -> None:
    for stage, history in (("exit", [END]), ("inquiry", []), ("delivery", [END])):
        assert said(run_handler(crystal, inactive(), history, account=customer(stage)), ExitAdhocDetected) == []
    active = AccountStatusChanged(party=DANA, status="active")
    assert run_handler(crystal, active, account=customer("delivery")) == []


def test_r59_told_twice_it_is_one_case_and_after_a_return_another() -> None:
    adhoc = ExitAdhocDetected(fact="adhoc")
    account = customer("delivery")
    assert said(run_handler(crystal, inactive(2), [inactive(), adhoc], account=account), ExitAdhocDetected) == []
    active = AccountStatusChanged(party=DANA, status="active", fact="active")
    assert said(run_handler(crystal, inactive(2), [inactive(), adhoc, active], account=account), ExitAdhocDetected)


def left(agency: Agency) -> None:
    """A customer of the agency has left; nobody can be asked about anything."""
    agency.tell(a_lead(occurred_at=BEGAN), won(occurred_at=BEGAN + H))
    agency.work()
    agency.tell(RelationshipEnded(party=DANA, occurred_at=BEGAN + 50 * H, reason="budget", fact="end"))
    agency.work()


def settle(agency: Agency, item: str) -> None:
    with agency.store.begin() as connection:
        settle_item(connection, agency.engine.plan, str(DANA.email), item, by="anna", reason="not ours", now=now_us())
    agency.work()


def test_r57_r58_an_exit_is_refused_while_an_item_is_open_and_then_logged_once(agency: Agency) -> None:
    left(agency)
    for item in ("pixel", "campaign"):
        settle(agency, item)
        assert agency.ledger("exit.logged") == agency.ledger("project.closed") == []
    refused = [one for one in agency.ledger("guard.refused") if isinstance(one, GuardRefused) and one.rule == "R58"]
    assert refused
    assert "invoice" in (refused[-1].reason or "")
    settle(agency, "invoice")
    [logged] = agency.ledger("exit.logged")
    assert isinstance(logged, ExitLogged)
    assert len(logged.checklist) == len(ITEMS)
    assert len(agency.ledger("project.closed")) == 1
    assert {one.state for one in agency.handed("exit.item_verified") if one.seat == "crystal"} == {"done"}


def test_r56_the_last_letter_waits_for_a_human_and_there_is_one_however_often_the_end_is_told(agency: Agency) -> None:
    left(agency)
    agency.tell(RelationshipEnded(party=DANA, occurred_at=BEGAN + 51 * H, reason="budget", fact="by billing"))
    agency.work()
    agency.replay("relationship.ended", "pepper")
    agency.work()
    letters = [row for row in agency.rows("drafts") if row.sends == "exit.correspondence_sent"]
    assert [(row.seat, row.state) for row in letters] == [("pepper", "pending")]


def test_r4_a_contract_that_is_withdrawn_after_the_start_is_a_risk() -> None:
    flag = only(run_handler(crystal, ContractVoided(contract_id="K1"), [STARTED]), Flag)
    assert flag.severity == "risk"
