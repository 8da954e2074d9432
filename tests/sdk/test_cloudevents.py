"""Events on the wire, checked with the official CloudEvents SDK."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from seamline.cloudevents import from_cloudevent, plain_type, to_cloudevent
from seamline.errors import PayloadError
from seamline.events import Envelope, Event, Party, ProposalViewed, catalogue
from support.events import AT, example

BUILTIN = {n: e for n, e in catalogue().items() if e.__module__.startswith("seamline.events.")}


def placed(event: Event, **changes: Any) -> Event:
    envelope = {
        "id": UUID(int=1),
        "source": "/sources/crm",
        "sequence": 42,
        "account": "a1",
        "stage": "proposal",
        "time": event.occurred_at or AT,
        "timebasis": "provider" if event.occurred_at else "received",
        "received_at": datetime(2026, 3, 1, 7, 31, 0, 250_000, tzinfo=UTC),
        "trust": "signed",
    }
    return event.with_envelope(Envelope.model_validate(envelope | changes))


def test_an_event_looks_on_the_wire_as_the_contract_says() -> None:
    viewed = ProposalViewed(party=Party(email="ann@example.com"), occurred_at=AT, proposal_id="p1", view_count=2)
    told = to_cloudevent(placed(viewed, delivery="d1", causation=UUID(int=2), correlation=UUID(int=3)))
    assert told == {
        "specversion": "1.0",
        "id": "00000000-0000-0000-0000-000000000001",
        "type": "seamline.proposal.viewed.v1",
        "source": "/sources/crm",
        "subject": "accounts/a1",
        "time": "2026-03-01T07:30:00Z",
        "datacontenttype": "application/json",
        "dataschema": "/catalog/proposal.viewed.v1.json",
        "sequence": "42",
        "stage": "proposal",
        "trust": "signed",
        "timebasis": "provider",
        "receivedat": "2026-03-01T07:31:00.250000Z",
        "deliveryid": "d1",
        "causationid": "00000000-0000-0000-0000-000000000002",
        "correlationid": "00000000-0000-0000-0000-000000000003",
        "data": {
            "party": {"email": "ann@example.com", "email_verified": False, "refs": []},
            "proposal_id": "p1",
            "view_count": 2,
        },
    }


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_the_official_sdk_reads_every_event_and_says_the_same(name: str) -> None:
    told = to_cloudevent(placed(example(BUILTIN[name]), hops=3, supersedes=UUID(int=9), adapter_version=2))
    read = JSONFormat().read(CloudEvent, json.dumps(told).encode())
    assert json.loads(JSONFormat().write(read))["data"] == told["data"]
    assert (read.get_id(), read.get_type(), read.get_subject()) == (told["id"], f"seamline.{name}.v1", "accounts/a1")
    assert read.get_extension("hops") == 3


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_what_is_told_is_read_back_equal_with_its_envelope(name: str) -> None:
    event = placed(example(BUILTIN[name]), hops=1)
    read = from_cloudevent(json.loads(json.dumps(to_cloudevent(event))))
    assert read == event
    assert read.envelope == event.envelope


def test_attribute_names_are_lower_case_letters_and_digits_and_none_is_null() -> None:
    told = to_cloudevent(placed(ProposalViewed(proposal_id="p"), stage=None))
    assert all(re.fullmatch("[a-z0-9]{1,20}", name) for name in told)
    assert None not in told.values()
    assert None not in told["data"].values()


def test_a_time_that_nobody_told_is_not_invented() -> None:
    event = placed(ProposalViewed(proposal_id="p"))
    told = to_cloudevent(event)
    assert told["timebasis"] == "received"
    assert from_cloudevent(told).occurred_at is None


def test_a_lead_that_nobody_has_identified_is_no_account() -> None:
    told = to_cloudevent(placed(ProposalViewed(proposal_id="p")), provisional=True)
    assert told["subject"] == "leads/a1"
    assert from_cloudevent(told).envelope.account == "a1"


def test_the_prefix_is_the_company_s() -> None:
    told = to_cloudevent(placed(ProposalViewed(proposal_id="p")), prefix="com.example")
    assert told["type"] == "com.example.proposal.viewed.v1"
    assert from_cloudevent(told, prefix="com.example").event_type == "proposal.viewed"


@pytest.mark.parametrize(
    "wire", ["proposal.viewed.v1", "other.proposal.viewed.v1", "seamline.proposal.viewed", "", "seamline.v1"]
)
def test_a_type_without_prefix_or_version_is_not_ours(wire: str) -> None:
    with pytest.raises(PayloadError):
        plain_type(wire)


def test_an_event_outside_the_ledger_has_no_cloudevent() -> None:
    with pytest.raises(LookupError):
        to_cloudevent(ProposalViewed(proposal_id="p"))


@pytest.mark.parametrize(
    "broken",
    [
        {"specversion": "0.3"},
        {"type": 7},
        {"data": "text"},
        {"data": {}},
        {"id": "ann@example.com"},
        {"time": None},
        {"trust": "ann@example.com"},
        {"sequence": None},
    ],
)
def test_a_broken_cloudevent_is_refused_without_showing_its_values(broken: dict[str, Any]) -> None:
    told = to_cloudevent(placed(ProposalViewed(proposal_id="p"))) | broken
    with pytest.raises(PayloadError) as fault:
        from_cloudevent(told)
    assert "ann@" not in str(fault.value)
