"""The worker killed (SIGKILL) at every step of a fetch and of a poll: nothing is lost, nothing is told twice.

It proves process death, not power loss.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

from seamline_adapters.meta.lead import FIELDS
from seamline_adapters.proposify.adapter import PAGE
from seamline_agency.demo.detour import Detour
from seamline_workers.crashpoint import FETCH, POLL
from seamline_workers.store.store import Store
from seamline_workers.translation.poll import Poller
from support.crash import LONG_S, Company
from support.loopback import Loopback, loopback

SOURCES = """
[sources.ads]
adapter = "meta"
live_from = 2020-01-01T00:00:00Z
[sources.ads.secrets]
signing = "literal:an app secret of the tests"
page_token = "literal:a page token of the tests"
[sources.offers]
adapter = "proposify"
live_from = 2020-01-01T00:00:00Z
[sources.offers.settings]
activity_order = "oldest_first"
[sources.offers.secrets]
signing = "literal:a token of the tests"
api = "literal:a key of the tests"
"""
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
#: Views on a page of the activity.
VIEWS = 3


@pytest.fixture
def provider() -> Iterator[Loopback]:
    with loopback() as server:
        yield server


@pytest.fixture
def company(tmp_path: Path, store: Store, store_url: str, provider: Loopback) -> Iterator[Company]:
    found = Company(tmp_path, store, store_url, sources=SOURCES, network=network(provider))
    yield found
    found.close()


def network(provider: Loopback) -> str:
    return f"http://127.0.0.1:{provider.port}"


def kill(company: Company, point: str) -> None:
    """Let a worker loose that is killed at a step; the lease of what it had in hand runs out."""
    worker = company.worker(point)
    assert worker.wait(LONG_S) == -signal.SIGKILL, point
    company.write("UPDATE items SET due = 0 WHERE state = 1")
    company.write("UPDATE polls SET due = 0, lease = 0")


# --- fetch ----------------------------------------------------------------------------------------------------------


def deliver_leads(company: Company, provider: Loopback, numbers: range) -> None:
    """Two thin leads a delivery, and what the provider's API says of them."""
    for n in numbers:
        answer = {
            "id": str(n),
            "created_time": "2026-11-20T12:00:00+0000",
            "field_data": [{"name": "email", "values": [f"lead{n // 4}@example{n // 4}.com"]}],
        }
        path = f"/graph.facebook.com/v24.0/{n}?{urlencode({'fields': FIELDS})}"
        provider.answers[path] = (200, {}, json.dumps(answer).encode())
    bodies = [
        {"object": "page", "entry": [{"id": "7", "time": 1, "changes": [change(n), change(n + 1)]}]}
        for n in numbers[::2]
    ]
    company.take_in([company.arrival("ads", json.dumps(body).encode()) for body in bodies])


def change(lead: int) -> dict[str, object]:
    return {"field": "leadgen", "value": {"leadgen_id": str(lead), "page_id": "7", "created_time": 1_795_176_000}}


def kill_in_every_fetch(company: Company, provider: Loopback, leads_a_step: int, times: range) -> int:
    """Deliver and kill a worker, at each step of a fetch. Returns how many leads were delivered."""
    leads = 0
    for point in FETCH:
        for time in times:
            deliver_leads(company, provider, range(leads, leads + leads_a_step))
            leads += leads_a_step
            kill(company, f"{point}:{time}")
    return leads


def assert_each_lead_is_told_in_full_and_once(company: Company, leads: int) -> None:
    company.worker()
    company.wait_until("SELECT count(*) FROM handoffs WHERE state = 2", 2 * leads)
    company.assert_each_once(leads)
    assert company.number("SELECT count(*) FROM items WHERE state = 2 AND answers IS NOT NULL") == leads
    assert company.number("SELECT count(*) FROM deliveries WHERE state = 2") == leads // 2
    assert company.number("SELECT count(*) FROM events WHERE data LIKE '%@example%'") == leads
    assert company.number("SELECT count(DISTINCT account_id) FROM events") == leads // 4


def test_a_worker_killed_at_any_step_of_a_fetch_tells_each_item_once(company: Company, provider: Loopback) -> None:
    leads = kill_in_every_fetch(company, provider, 12, range(2, 3))
    assert_each_lead_is_told_in_full_and_once(company, leads)


@pytest.mark.long
def test_a_thousand_fetches_through_workers_killed_at_every_step(company: Company, provider: Loopback) -> None:
    leads = kill_in_every_fetch(company, provider, 100, range(1, 4))
    assert_each_lead_is_told_in_full_and_once(company, leads)


# --- poll -----------------------------------------------------------------------------------------------------------


def publish(provider: Loopback, pages: range) -> None:
    """Add pages to the provider's activity, oldest first; those before them say that there is more."""
    for n in range(pages.stop):
        told = [
            {
                "type": "viewed",
                "created_at": (NOON + timedelta(minutes=n * VIEWS + k)).isoformat(),
                "proposal_id": f"P{n}x{k}",
                "contact": {"email": f"dana@acme{n}.example"},
            }
            for k in range(VIEWS)
        ]
        more = {"proposify-has-more-results": "true" if n < pages.stop - 1 else "false"}
        path = f"/api.proposify.com/api/activity?offset={n * PAGE}"
        provider.answers[path] = (200, more, json.dumps(told).encode())


def poll_once(company: Company, provider: Loopback) -> None:
    """The first poll of all, whose pages are history."""
    with closing(Detour(network(provider))) as there:
        poller = Poller(company.store, {source.id: source for source in company.sources.values()}, there)
        poller.arm()
        while poller.some():
            continue
    assert company.number("SELECT count(*) FROM deliveries WHERE poll = 'activity'") == 2
    company.write("UPDATE polls SET due = 0")


def kill_in_every_poll(company: Company, provider: Loopback, times: range) -> int:
    """Publish two pages more and kill a worker, at each step of a poll. Returns how many pages there are."""
    publish(provider, range(2))
    poll_once(company, provider)
    pages = 2
    for point in POLL:
        for time in times:
            publish(provider, range(pages, pages + 2))
            pages += 2
            kill(company, f"{point}:{time if point == 'poll.answered' else 1}")
    return pages


def assert_each_page_is_told_once(company: Company, pages: int) -> None:
    company.worker()
    woken = (pages - 2) * VIEWS  # those of the first poll are history
    company.wait_until("SELECT count(*) FROM handoffs WHERE state = 2", woken)
    assert company.number("SELECT count(*) FROM deliveries WHERE state = 2 AND poll = 'activity'") == pages
    assert company.number("SELECT count(*) FROM deliveries") == pages
    assert company.number("SELECT count(*) FROM deliveries WHERE baseline = 1") == 2
    assert company.number("SELECT count(*) FROM events WHERE type = 'proposal.viewed'") == pages * VIEWS
    assert company.number("SELECT count(*) FROM effects") == woken
    assert company.number("SELECT sum(count) FROM flags") == woken
    at_last_page = (
        f"SELECT count(*) FROM polls WHERE poll = 'activity' AND cursor LIKE '%\"offset\": {(pages - 1) * PAGE}}}'"
    )
    company.wait_until(at_last_page, 1)
    assert company.number("SELECT count(*) FROM polls WHERE poll = 'activity'") == 1


def test_a_worker_killed_at_any_step_of_a_poll_takes_each_page_in_once(company: Company, provider: Loopback) -> None:
    pages = kill_in_every_poll(company, provider, range(2, 3))
    assert_each_page_is_told_once(company, pages)


@pytest.mark.long
def test_many_pages_through_workers_killed_at_every_step(company: Company, provider: Loopback) -> None:
    pages = kill_in_every_poll(company, provider, range(1, 4))
    assert_each_page_is_told_once(company, pages)
