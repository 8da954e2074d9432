"""The simulator sends what a provider sends, over a real socket, to a server that verifies it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

import pytest

from seamline import Adapter, Request, SignatureError
from seamline.testing import FakeClock, Sample, Signer, Simulator
from seamline_adapters.hubspot import HubSpot
from seamline_adapters.meta import Meta
from seamline_adapters.stories import hubspot, meta

PUBLIC = "https://hooks.example.com/webhooks/crm"
SECRETS = {"signing": ["a-client-secret-0001"]}
WON = "deal_propertyChange_dealstage_closedwon.json"


@dataclass
class Door:
    """A server that verifies as one of ours does, against its public URL and its own clock."""

    adapter: Adapter
    clock: FakeClock
    url: str = ""
    seen: list[Request] = field(default_factory=list)

    def judge(self, request: Request) -> int:
        self.seen.append(request)
        scheme = self.adapter.scheme
        assert scheme is not None
        try:
            scheme.verify(request, SECRETS, self.clock(), {})
        except SignatureError:
            return 401
        return 202


@pytest.fixture
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    door = Door(getattr(request, "param", HubSpot)(), FakeClock())

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            _, question, query = self.path.partition("?")
            came = Request.build("POST", PUBLIC + question + query, body, dict(self.headers))
            self.send_response(door.judge(came))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    door.url = f"http://127.0.0.1:{server.server_port}/"
    yield door
    server.shutdown()
    server.server_close()
    thread.join(5)


def simulated(door: Door) -> Simulator:
    return Simulator(door.adapter, hubspot.ROOT, door.url, SECRETS, public_url=PUBLIC, now=door.clock)


def test_a_genuine_sample_is_taken_and_its_bytes_are_the_files(door: Door) -> None:
    with simulated(door) as provider:
        sent = provider.send(WON)
    assert (sent.what, sent.status, sent.taken) == ("genuine", 202, True)
    assert door.seen[0].body == (hubspot.ROOT / WON).read_bytes()


def test_a_signature_covers_the_public_url_and_the_query_that_is_sent(door: Door) -> None:
    with simulated(door) as provider:
        assert provider.send(Sample(WON, query={"tenant": "north/1"})).taken
    assert door.seen[0].query == {"tenant": "north/1"}


def test_a_repeat_is_the_same_request_byte_for_byte(door: Door) -> None:
    with simulated(door) as provider:
        first, second, third = provider.repeat(WON, times=3)
    assert [first.what, second.what, third.what] == ["genuine", "repeated", "repeated"]
    assert len({(one.body, one.header("X-HubSpot-Signature-v3")) for one in door.seen}) == 1


def test_a_shuffle_sends_everything_once_in_the_order_of_its_randomness(door: Door) -> None:
    files = ["deal_creation.json", WON, "deal_propertyChange_amount.json", "contact_privacyDeletion.json"]
    with simulated(door) as provider:
        provider.shuffle(files, Random(7))
        provider.shuffle(files, Random(7))
    bodies = [request.body for request in door.seen]
    assert bodies[:4] == bodies[4:]
    assert bodies[:4] != [(hubspot.ROOT / file).read_bytes() for file in files]
    assert sorted(bodies[:4]) == sorted((hubspot.ROOT / file).read_bytes() for file in files)


def test_every_forgery_is_refused(door: Door) -> None:
    with simulated(door) as provider:
        sent = provider.forge(WON)
    assert {one.what: one.status for one in sent} == {
        "unsigned": 401,
        "signed with another secret": 401,
        "changed on the way": 401,
        "sent again much later": 401,
    }


@pytest.mark.parametrize("door", [Meta], indirect=True)
def test_what_has_no_stamp_has_no_stale_forgery(door: Door) -> None:
    with Simulator(door.adapter, meta.stories.root, door.url, SECRETS, public_url=PUBLIC, now=door.clock) as provider:
        assert {one.what for one in provider.forge("leadgen_single.json") if not one.taken} == {
            "unsigned",
            "signed with another secret",
            "changed on the way",
        }


def test_a_delivery_that_was_held_up_is_refused_by_the_servers_clock(door: Door) -> None:
    with simulated(door) as provider:
        sent = door.clock()
        door.clock.advance(timedelta(minutes=10))
        assert provider.send(WON, now=sent).status == 401
        assert provider.send(WON).taken


def test_a_signer_without_secrets_signs_with_the_schemes_example() -> None:
    adapter, now = HubSpot(), datetime(2026, 1, 1, tzinfo=UTC)
    _, verify, keys = adapter.scheme.example()
    signed = Signer(adapter)(Request.build("POST", PUBLIC, b"[]"), now)
    assert adapter.scheme.verify(signed, verify, now, keys).scheme == "v3"
    assert "a-client-secret" not in repr(Signer(adapter, SECRETS))
