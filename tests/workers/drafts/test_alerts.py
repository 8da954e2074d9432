"""Colleagues are told of the company's own troubles: each kind when there are more, at least once, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from seamline.errors import ConfigError
from seamline.transport import Transport
from seamline_workers.company.config import Alerts
from seamline_workers.effects.audience import Ours
from seamline_workers.outbound.alerting import Alerting, told
from seamline_workers.store import channels
from support.office import MakeOffice, Office
from support.recording import Mailbox
from support.showing import showing

TEAM = {"cards": frozenset({"C9", "C1"})}
ROOM = Alerts(channel="cards", to="C9", on=("paused", "dead", "silent", "overdue", "quarantined", "refused"))


def company_of(office: MakeOffice, provider: Mailbox) -> Office:
    return office(channels={"mail": provider.channel(), "cards": showing(provider)}, team=TEAM)


def alerting(company: Office, wanted: Alerts = ROOM) -> Alerting:
    return Alerting(company.works.store, company.works.outbound, wanted, company.works.engine.dispatcher.transport)


def look(company: Office, job: Alerting) -> list[dict[str, Any]]:
    """Look at everything now; gives what colleagues were told."""
    company.works.write("UPDATE alerts SET due = 0")
    before = len(company.mailbox.sent)
    while job.some(1):
        pass
    return company.mailbox.sent[before:]


def test_each_trouble_is_told_when_there_are_more_and_once(office: MakeOffice, provider: Mailbox) -> None:
    company = company_of(office, provider)
    job = alerting(company)
    with company.works.store.read() as connection:
        assert job.due(connection)
    assert look(company, job) == []
    with company.works.store.begin() as connection:
        channels.hold(connection, "mail", "anna", 1)
    [one] = look(company, job)
    assert (one["to"], one["text"]) == ("C9", "1 more, 1 in all: channels are paused. Look: seamline channels list")
    assert look(company, job) == []
    with company.works.store.begin() as connection:
        channels.resume(connection, "mail", 1)
    assert look(company, job) == []
    with company.works.store.begin() as connection:
        channels.hold(connection, "mail", "anna", 1)
    assert len(look(company, job)) == 1  # once it was well it is told of anew
    with company.works.store.read() as connection:
        assert not job.due(connection)


def test_what_nobody_could_be_told_is_told_later(office: MakeOffice, provider: Mailbox) -> None:
    company = company_of(office, provider)
    job = alerting(company)
    with company.works.store.begin() as connection:
        channels.hold(connection, "mail", "anna", 1)
    company.mailbox.answer = lambda _: None
    look(company, job)
    company.mailbox.answer = lambda _: (200, {"id": "m-1"})
    assert len(look(company, job)) == 1


def test_an_address_inside_our_own_network_is_told_nothing(office: MakeOffice, provider: Mailbox) -> None:
    company = company_of(office, provider)
    job = Alerting(company.works.store, company.works.outbound, ROOM, Transport())
    with company.works.store.begin() as connection:
        channels.hold(connection, "mail", "anna", 1)
    assert look(company, job) == []
    assert company.works.one("SELECT attempts FROM alerts WHERE kind = 'paused'") == 1


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Alerts(on=("dead",)), "alerts.channel: name the channel"),
        (Alerts(channel="ops"), "no channel is named 'ops'"),
        (Alerts(channel="mail"), "tells colleagues nothing"),
        (Alerts(channel="cards", to="C7"), "C7 is nobody of ours"),
    ],
)
def test_alerts_that_would_reach_nobody_or_a_stranger_are_refused(
    office: MakeOffice, provider: Mailbox, wanted: Alerts, said: str
) -> None:
    company = company_of(office, provider)
    with pytest.raises(ConfigError, match=said):
        alerting(company, wanted)


def test_without_a_receiver_the_whole_team_of_the_channel_is_told(office: MakeOffice, provider: Mailbox) -> None:
    company = company_of(office, provider)
    assert told(Alerts(channel="cards", on=("dead",)), company.works.outbound.channels, Ours(team=TEAM)) == ("C1", "C9")
