"""Copies of one delivery at several servers at once: one is taken, and what it causes happens once."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from seamline.delivery import Request
from seamline_adapters.relay import Relay
from seamline_workers.store.store import Store
from support.calls import raw_request, read_answer, rows, tallied
from support.crash import SECRET, Company
from support.serving import Serving

SERVERS, COPIES, CONNECTIONS = 4, 1_000, 100
DONE = "SELECT count(*) FROM handoffs WHERE state = 2"
LEAD = {
    "type": "lead.received",
    "id": "L1",
    "occurred_at": "2026-11-20T09:00:00Z",
    "party": {"email": "dana@acme.example"},
    "data": {"lead_id": "L1", "channel": "form"},
}


@pytest.fixture
def fleet(tmp_path: Path, store: Store, store_url: str) -> Iterator[Company]:
    found = Company(tmp_path, store, store_url)
    yield found
    found.close()


def signed_lead(message: str) -> bytes:
    """The lead's request as bytes, signed now."""
    body = json.dumps(LEAD).encode()
    bare = Request.build("POST", "https://hooks.example.com/webhooks/crm", body, {"webhook-id": message})
    return raw_request(body, dict(Relay.signature.sign(bare, {"signing": [SECRET]}, datetime.now(UTC)).headers))


def send(config: Path, requests: Sequence[bytes]) -> Counter[tuple[int, str, bool]]:
    """Send requests to several servers at once. Returns how often each answer came: status, delivery, duplicate."""
    together = threading.Barrier(CONNECTIONS)
    with ExitStack() as stack:
        servers = [stack.enter_context(Serving(config)) for _ in range(SERVERS)]

        def send_some(number: int) -> list[tuple[int, str, bool]]:
            answers = []
            with servers[number % SERVERS].connect() as sock:
                together.wait(30)
                for sent in requests[number::CONNECTIONS]:
                    sock.sendall(sent)
                    status, body = read_answer(sock)
                    told = json.loads(body)
                    answers.append((status, told.get("delivery", ""), told.get("duplicate", False)))
            return answers

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            return Counter(answer for some in pool.map(send_some, range(CONNECTIONS)) for answer in some)


def test_r87_a_thousand_copies_over_four_processes_are_one_delivery_one_event_and_one_effect_of_each_seat(
    fleet: Company, store: Store
) -> None:
    fleet.worker()
    answers = send(fleet.config, [signed_lead("msg_1")] * COPIES)
    [(delivery, duplicates)] = rows(store, "SELECT id, duplicates FROM deliveries")
    assert answers == {(202, str(delivery), False): 1, (202, str(delivery), True): COPIES - 1}
    assert duplicates == COPIES - 1
    assert tallied(store) == {"crm accepted": 1, "crm duplicate": COPIES - 1}
    fleet.wait_until(DONE, 2)
    fleet.assert_each_once(1)


def test_copies_that_the_provider_gives_a_new_id_each_time_are_one_event_and_one_effect_of_each_seat(
    fleet: Company, store: Store
) -> None:
    """None of them is the same request again, and what they tell is one fact all the same."""
    fleet.worker()
    fleet.worker()
    answers = send(fleet.config, [signed_lead(f"msg_{n}") for n in range(300)])
    assert len(answers) == 300
    assert {(status, duplicate) for status, _, duplicate in answers} == {(202, False)}
    fleet.wait_until("SELECT count(*) FROM deliveries WHERE state IN (2, 3)", 300)
    fleet.wait_until(DONE, 2)
    fleet.assert_each_once(1)
