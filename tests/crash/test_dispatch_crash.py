"""The worker killed (SIGKILL) between the commit that sends and what became of it: a human looks, nothing goes twice.

It proves process death, not power loss.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from seamline_workers.company.channel import build_channels
from seamline_workers.company.config import load_config
from seamline_workers.crashpoint import DISPATCH
from seamline_workers.desk.draft import Approval, approve
from seamline_workers.outbound.outbound import Human, Outbound
from seamline_workers.store.store import Store
from support.crash import LONG_S, RELAY, Company
from support.crash_roster import roster
from support.recording import KEY, Mailbox, install, mailbox

CHANNEL = f"""
[channels.mail]
adapter = "recording"
secrets = ["literal:{KEY}"]
"""
PENDING = "SELECT count(*) FROM drafts WHERE state = 'pending'"
UNKNOWN = "SELECT count(*) FROM drafts WHERE state = 'unknown'"
SENT = "SELECT count(*) FROM drafts WHERE state = 'sent'"


@pytest.fixture
def provider() -> Iterator[Mailbox]:
    with mailbox() as server:
        yield server


@pytest.fixture
def company(
    tmp_path: Path, store: Store, store_url: str, provider: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Company]:
    adapters = install(tmp_path / "installed")
    monkeypatch.syspath_prepend(str(adapters))
    monkeypatch.setenv("PYTHONPATH", str(adapters))
    # A worker finds the adapter, and its network, on the path.
    network = f"http://127.0.0.1:{provider.port}"
    found = Company(tmp_path, store, store_url, sources=RELAY + CHANNEL, network=network)
    yield found
    found.close()


def approve_what_waits(company: Company) -> None:
    """Approve the one draft that waits."""
    company.wait_until(PENDING, 1)
    outbound = Outbound(roster, build_channels(load_config(company.config)))
    with company.store.begin() as connection:
        row = connection.execute(text("SELECT id, sha256 FROM drafts WHERE state = 'pending'")).one()
        approve(connection, outbound, str(row.id), Approval(row.sha256), Human("coo", "approver"))


def kill_at(company: Company, point: str, n: int) -> None:
    """Let a worker loose that is killed at a step of the sending of one draft."""
    worker = company.worker(point)
    company.deliver([f"answer {n}"])
    approve_what_waits(company)
    assert worker.wait(LONG_S) == -signal.SIGKILL, point


def test_r71_r75_r92_a_worker_killed_while_it_sends_leaves_an_unknown_that_is_never_sent_again(
    company: Company, provider: Mailbox
) -> None:
    reached = []
    for n, point in enumerate(DISPATCH, 1):
        kill_at(company, point, n)
        reached.append(len(provider.sent))
        survivor = company.worker()
        company.wait_until(UNKNOWN, n)
        survivor.send_signal(signal.SIGTERM)
        survivor.wait(LONG_S)
    assert reached == [0, 1]  # killed before the call, and after its answer
    company.worker()
    company.deliver(["answer at last"])
    approve_what_waits(company)
    company.wait_until(SENT, 1)
    assert [one["body"] for one in provider.sent] == ["answer 2", "answer at last"]
    assert company.number(UNKNOWN) == 2
    assert company.number("SELECT count(*) FROM tasks WHERE kind = 'unknown_send' AND state = 'open'") == 2
    results = "SELECT count(*) FROM events WHERE type = 'draft.dispatched' AND data LIKE '%\"unknown\"%'"
    assert company.number(results) == 2
    assert company.number("SELECT count(*) FROM events WHERE type = 'response.sent'") == 1
