"""A draft waits for a human; what the human approved is what is sent, once."""

from __future__ import annotations

import json

import pytest

from seamline_workers.refusal import Conflict
from support.office import MakeOffice


def test_r49_r71_r75_what_is_approved_is_sent_byte_for_byte_and_nothing_before(office: MakeOffice) -> None:
    company = office()
    number = company.lead()
    company.works.dispatch_some()
    assert (company.draft(number).state, company.mailbox.sent) == ("pending", [])
    company.works.approve(number)
    company.works.dispatch_some()
    [sent] = company.mailbox.sent
    row = company.draft(number)
    assert (sent["body"], sent["subject"], sent["to"]) == (row.body, row.subject, json.loads(row.recipients))
    assert (row.state, row.message_ref, row.decided_by) == ("sent", f"m-{sent['key']}", "coo")


def test_r19_the_dispatch_makes_the_fact_in_the_name_of_the_human(office: MakeOffice) -> None:
    company = office()
    number = company.lead()
    company.works.approve(number)
    company.works.dispatch_some()
    rows = company.works.all("SELECT source, trust, data FROM events WHERE type = 'response.sent'")
    [(source, trust, data)] = rows
    told = json.loads(data)
    assert (source, trust, told["by"], told["lead_id"]) == ("/people/coo", "human", "coo", "L1")
    assert told["message_ref"] == company.draft(number).message_ref
    assert told["approval_id"] == company.draft(number).approval
    assert company.works.types()[-3:] == ["approval.decided", "draft.dispatched", "response.sent"]


def test_an_approval_is_used_up_by_one_dispatch(office: MakeOffice) -> None:
    company = office()
    number = company.lead()
    company.works.approve(number)
    company.works.dispatch_some()
    company.works.dispatch_some()
    with pytest.raises(Conflict, match="sent already by coo"):
        company.works.approve(number)
    assert len(company.mailbox.sent) == 1
