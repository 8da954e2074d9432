"""Where calls may go: rules on addresses, and real sockets on the loopback."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from seamline.call import Answer, Call
from seamline.errors import ConfigError, EgressRefused, RetryLater
from seamline.ssrf import Egress, host_matches, refusal
from seamline.transport import CallRefused, Limits, Transport, Uncertain
from support.certificate import certificate
from support.loopback import Loopback, loopback

NAME = "api.example.com"
TO_LOOPBACK = {NAME: ["127.0.0.1"]}


class Names:
    """A resolver that gives one answer after the other for a name, the last one again and again."""

    def __init__(self, answers: dict[str, list[str] | list[list[str]]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        told = self.answers.get(host, [])
        if not told:
            raise socket.gaierror("unknown")
        if isinstance(told[0], str):
            return [str(address) for address in told]
        turn = min(self.asked.count(host), len(told)) - 1
        return list(told[turn])


@contextmanager
def sending(egress: Egress, **kw: object) -> Iterator[Transport]:
    transport = Transport(egress, Limits(attempts=1), **kw)  # type: ignore[arg-type]
    try:
        yield transport
    finally:
        transport.close()


def get(transport: Transport, url: str, limits: Limits | None = None) -> Answer:
    return transport.send(Call("page", url), limits=limits)


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as state:
        yield state


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.9.9.9", "169.254.169.254"),
        *("168.63.129.16", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1"),
        *("198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b:1::1"),
        *("100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254"),
        *("fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1"),
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert refusal(ip_address(address)) is not None


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "100.63.0.1", "172.32.0.1", "192.0.1.1", "223.255.255.1", "2606:4700::1111"]
)
def test_a_public_address_is_allowed(address: str) -> None:
    assert refusal(ip_address(address)) is None
    assert Egress(resolve=lambda *_: [address]).addresses(NAME, 443) == [address]


def test_one_bad_address_among_good_ones_refuses_the_host() -> None:
    with pytest.raises(EgressRefused, match="loopback"):
        Egress(resolve=lambda *_: ["8.8.8.8", "127.0.0.1"]).addresses(NAME, 443)


@pytest.mark.parametrize("port", [22, 25, 6379, 8080])
def test_an_odd_port_is_refused_unless_the_host_is_allowed(port: int) -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        return ["8.8.8.8"]

    with pytest.raises(EgressRefused, match=f"port {port}"):
        Egress(resolve=resolve).addresses(NAME, port)
    assert Egress(allow=[NAME], resolve=resolve).addresses(NAME, port) == ["8.8.8.8"]


def test_what_is_allowed_is_open_and_nothing_beside_it() -> None:
    egress = Egress(allow=["10.20.0.0/16", "*.corp.example"], resolve=Names({"crm.corp.example": ["192.168.0.9"]}))
    assert egress.addresses("crm.corp.example", 8443) == ["192.168.0.9"]
    inside = Egress(allow=["10.20.0.0/16"], resolve=lambda *_: ["10.20.1.1"])
    assert inside.addresses("anything.example", 8080) == ["10.20.1.1"]
    outside = Egress(allow=["10.20.0.0/16"], resolve=lambda *_: ["10.21.1.1"])
    with pytest.raises(EgressRefused):
        outside.addresses("anything.example", 443)


@pytest.mark.parametrize("entry", ["10.20.1.1/16", "10.0.0.0/99", "", "*."])
def test_a_wrong_allow_entry_is_told_at_the_start(entry: str) -> None:
    with pytest.raises(ConfigError, match="allow"):
        Egress(allow=[entry])


def test_host_patterns_are_exact_or_a_suffix_with_a_dot() -> None:
    assert host_matches("API.example.com.", ["api.example.com"])
    assert host_matches("a.b.example.com", ["*.example.com"])
    assert not host_matches("example.com", ["*.example.com"])
    assert not host_matches("badexample.com", ["*.example.com"])
    assert not host_matches(".example.com", ["*.example.com"])
    assert not host_matches("example.com.evil.example", ["example.com"])


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_no_spelling_of_the_loopback_reaches_it(host: str, server: Loopback) -> None:
    with (
        sending(Egress(ports=(80, 443, server.port))) as transport,
        pytest.raises((EgressRefused, RetryLater)) as caught,
    ):
        get(transport, f"http://{host}:{server.port}/")
    if host in ("127.0.0.1", "localhost", "127.1", "2130706433"):
        assert isinstance(caught.value, EgressRefused)
    assert server.seen == []


@pytest.mark.parametrize("url", ["ftp://example.com/", "unix:///tmp/x", "http://exa%6dple.com/", "http://a b/", "/x"])
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with sending(Egress()) as transport, pytest.raises(EgressRefused):
        get(transport, url)


def test_an_allowed_address_is_reached_with_the_name_in_the_host_header(server: Loopback) -> None:
    with sending(Egress(allow=["127.0.0.1"], resolve=Names(TO_LOOPBACK))) as transport:  # type: ignore[arg-type]
        assert get(transport, f"http://{NAME}:{server.port}/a?b=1").status == 200
    path, headers = server.seen[0]
    assert path == "/a?b=1"
    assert headers["host"] == f"{NAME}:{server.port}"


def test_the_socket_goes_to_the_checked_address_though_the_name_moves_meanwhile(server: Loopback) -> None:
    # A rebinding name: allowed when it is checked, somewhere else at any later look-up.
    names = Names({NAME: [["127.0.0.1"], ["127.0.0.2"]]})
    with sending(Egress(allow=["127.0.0.1"], resolve=names)) as transport:
        assert get(transport, f"http://{NAME}:{server.port}/").status == 200
    assert names.asked == [NAME]


def test_a_name_that_moves_inside_is_refused_on_the_next_connection(server: Loopback) -> None:
    names = Names({NAME: [["127.0.0.1"], ["127.0.0.2"]]})
    server.answers["/"] = (200, {"Connection": "close"}, b"{}")
    with sending(Egress(allow=["127.0.0.1"], resolve=names)) as transport:
        get(transport, f"http://{NAME}:{server.port}/")
        with pytest.raises(EgressRefused, match="loopback"):
            get(transport, f"http://{NAME}:{server.port}/")
    assert len(server.seen) == 1


def test_a_redirect_to_the_inside_is_not_followed(server: Loopback) -> None:
    server.answers["/"] = (302, {"Location": f"http://127.0.0.1:{server.port}/inside"}, b"")
    with (
        sending(Egress(allow=[NAME], resolve=Names(TO_LOOPBACK))) as transport,  # type: ignore[arg-type]
        pytest.raises(CallRefused, match="redirect"),
    ):
        get(transport, f"http://{NAME}:{server.port}/")
    assert [path for path, _ in server.seen] == ["/"]


def test_a_name_without_an_address_is_tried_again_later() -> None:
    with sending(Egress(resolve=Names({}))) as transport, pytest.raises(RetryLater, match="cannot be reached"):
        get(transport, "https://gone.example.com/")


def test_the_next_address_is_tried_where_the_first_does_not_answer(server: Loopback) -> None:
    names = Names({NAME: ["127.0.0.99", "127.0.0.1"]})
    with socket.socket() as taken:
        taken.bind(("127.0.0.99", 0))
        with sending(Egress(allow=["127.0.0.0/8"], resolve=names)) as transport:
            assert get(transport, f"http://{NAME}:{server.port}/").status == 200


def test_environment_proxies_are_not_used(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with sending(Egress(allow=[NAME], resolve=Names(TO_LOOPBACK))) as transport:  # type: ignore[arg-type]
        assert get(transport, f"http://{NAME}:{server.port}/").status == 200


def test_an_answer_above_the_cap_is_cut_off(server: Loopback) -> None:
    server.answers["/"] = (200, {}, b"x" * 5_000_000)
    with (
        sending(Egress(allow=["127.0.0.1"])) as transport,
        pytest.raises(CallRefused, match="more than 5000 bytes"),
    ):
        get(transport, f"http://127.0.0.1:{server.port}/", Limits(answer=5000))


def test_a_packed_answer_is_unpacked_only_up_to_the_cap(server: Loopback) -> None:
    packed = {"Content-Encoding": "gzip"}
    server.answers["/two"] = (200, packed, gzip.compress(b"a") + gzip.compress(b"b"))
    server.answers["/bomb"] = (200, packed, gzip.compress(b"\0" * 9000))
    server.answers["/false"] = (200, packed, b"not gzip")
    # Nothing in many pieces: within the cap, and each copies all that follows it.
    server.answers["/pieces"] = (200, packed, gzip.compress(b"") * 100)
    server.answers["/cut"] = (200, packed, gzip.compress(b"a" * 9000)[:-9])
    server.answers["/other"] = (200, {"Content-Encoding": "br"}, b"x")
    limits = Limits(answer=5000, attempts=1)
    with sending(Egress(allow=["127.0.0.1"])) as transport:
        base = f"http://127.0.0.1:{server.port}"
        assert get(transport, base + "/two", limits).body == b"ab"
        for path, told in (
            ("/bomb", "more than 5000"),
            ("/pieces", "16 packed pieces"),
            ("/false", "unpacked"),
            ("/other", "encoding"),
        ):
            with pytest.raises(CallRefused, match=told):
                get(transport, base + path, limits)
        with pytest.raises(RetryLater):
            get(transport, base + "/cut", Limits(attempts=1))


def test_a_peer_that_drips_bytes_cannot_hold_the_thread_beyond_the_budget() -> None:
    # Each byte comes in time for the read timeout; only the budget of the whole call can end this.
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(65536)
                try:
                    while not ended.wait(0.02):
                        peer.sendall(b"H")
                except OSError:
                    return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        limits = Limits(budget=0.2, read=5.0, attempts=1)
        call = Call("page", f"http://127.0.0.1:{listener.getsockname()[1]}/", method="POST", json={})
        with sending(Egress(allow=["127.0.0.1"])) as transport, pytest.raises(Uncertain):
            transport.send(call, limits=limits)
        ended.set()
        thread.join(5)
        assert not thread.is_alive()


def test_the_certificate_is_checked_against_the_name_and_not_the_address(tmp_path: Path) -> None:
    authority, chain = certificate(tmp_path, NAME)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(chain)
    trusting = ssl.create_default_context(cafile=str(authority))
    names = Names({NAME: ["127.0.0.1"], "other.example.com": ["127.0.0.1"]})
    with (
        loopback(serving) as server,
        sending(Egress(allow=["127.0.0.1"], resolve=names), tls=trusting) as transport,
    ):
        assert get(transport, f"https://{NAME}:{server.port}/").status == 200
        assert server.server_names == [NAME]
        with pytest.raises(RetryLater):
            get(transport, f"https://other.example.com:{server.port}/")
        assert len(server.seen) == 1
