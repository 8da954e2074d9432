"""What a connection may send beside requests: bounded, and never taken for headers."""

from __future__ import annotations

import re
import socket
from contextlib import ExitStack
from itertools import pairwise

import pytest

from seamline_webhooks.protocol import MOST_HEAD, MOST_LATE
from seamline_workers.store.store import Store
from support.calls import raw_request, read_answer, rows, signed
from support.serving import Serving

CHUNKED = b"POST /webhooks/crm HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n"


def head(headers: dict[str, str]) -> bytes:
    return CHUNKED + "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n"


def sent_until_closed(sock: socket.socket, piece: bytes, most: int) -> int:
    """How many bytes were taken before the other side ended the connection; ``most`` where it did not."""
    taken = 0
    try:
        while taken < most:
            sock.sendall(piece)
            taken += len(piece)
    except OSError:
        pass
    return taken


def test_trailers_are_no_headers(server: Serving) -> None:
    proof = signed(b"{}")
    with server.connect() as sock:
        trailers = "".join(f"{name}: {value}\r\n" for name, value in proof.items()).encode()
        sock.sendall(CHUNKED + b"\r\n2\r\n{}\r\n0\r\n" + trailers + b"\r\n")
        assert read_answer(sock)[0] == 401
        sock.sendall(head(proof) + b"2\r\n{}\r\n0\r\nx-more: 1\r\n\r\n")
        assert read_answer(sock)[0] == 202


def test_trailers_without_end_end_the_connection(server: Serving) -> None:
    with server.connect() as sock:
        sock.sendall(head(signed(b"{}")) + b"2\r\n{}\r\n0\r\n")
        block = b"".join(b"x-%d: %b\r\n" % (n, b"a" * 1000) for n in range(200))
        most = 200 * MOST_HEAD  # far more than the buffers between us hold
        assert sent_until_closed(sock, block, most) < most
    with server.client() as client:
        assert client.get("/health/live").status_code == 200


def test_what_comes_without_end_behind_an_answer_ends_the_connection(server: Serving) -> None:
    with server.connect() as sock:
        sock.sendall(CHUNKED.replace(b"crm", b"nowhere") + b"\r\n1;")
        assert read_answer(sock)[0] == 404
        most = 4 * MOST_LATE
        assert sent_until_closed(sock, b"a" * 65536, most) < most


def test_only_a_next_request_keeps_a_connection_that_was_answered(server: Serving) -> None:
    head = b"POST /webhooks/nowhere HTTP/1.1\r\nHost: test\r\n"
    behind = {
        head + b"Content-Length: 0\r\n\r\n": b"\r\n",
        head + b"Content-Length: 100\r\n\r\n": b"a",
        head + b"Transfer-Encoding: chunked\r\n\r\n": b"1;",
    }
    with ExitStack() as stack:
        held = [stack.enter_context(server.connect()) for _ in behind]
        for sock, (sent, more) in zip(held, behind.items(), strict=True):
            sock.sendall(sent)
            assert read_answer(sock)[0] == 404
            sock.sendall(more)
        for sock in held:
            assert read_answer(sock)[0] == 0


def asking(upgrade: str, framing: str, proof: dict[str, str], path: str = "/webhooks/crm") -> bytes:
    """The head of a POST that would rather speak another protocol."""
    wish = {"Upgrade": upgrade, "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMAAABkAAQAAP__"}
    lines = [f"POST {path} HTTP/1.1", "Host: test", framing, *(f"{n}: {v}" for n, v in {**wish, **proof}.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def statuses(sock: socket.socket, count: int) -> list[int]:
    """Of so many answers, or of fewer where the connection ends before them."""
    received = b""
    while received.count(b'"duplicate": ') < count and (more := sock.recv(65536)):
        received += more
    return [int(found) for found in re.findall(rb"HTTP/1.1 (\d+)", received)]


def read(server: Serving) -> None:
    """Return when the server has read what was sent to it before: it has one thread."""
    with server.client() as client:
        client.get("/health/live")


@pytest.mark.parametrize("upgrade", ["h2c", "websocket", "TLS/1.0, HTTP/2.0"])
@pytest.mark.parametrize("chunked", [False, True])
def test_who_asks_for_another_protocol_is_served_by_this_one_with_its_whole_body(
    server: Serving, kept: Store, upgrade: str, chunked: bool
) -> None:
    with server.connect() as sock:
        for number in range(3):
            body = b'{"deal": %d}' % number
            framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
            head = asking(upgrade, framing, signed(body))
            sent = head + (
                b"5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (body[:5], len(body) - 5, body[5:]) if chunked else body
            )
            # Whole, then in pieces: the body apart from its head, then cut before the head's last byte and in the body.
            cuts = [[len(sent)], [len(head), len(sent)], [len(head) - 1, len(head) + 7, len(sent)]][number]
            for begin, end in pairwise([0, *cuts]):
                read(server)
                sock.sendall(sent[begin:end])
            assert read_answer(sock)[0] == 202
    assert rows(kept, "SELECT body FROM deliveries ORDER BY id") == [(b'{"deal": %d}' % n,) for n in range(3)]


def test_a_body_behind_a_wish_for_another_protocol_is_no_request(server: Serving, kept: Store) -> None:
    inner = raw_request(b"inner", signed(b"inner"))
    head = asking("h2c", f"Content-Length: {len(inner)}", signed(inner))
    behind = raw_request(b"behind", signed(b"behind"))
    with server.connect() as sock:
        sock.sendall(head)
        read(server)
        sock.sendall(inner)
        assert read_answer(sock)[0] == 202
        # What follows in the same packet is the next request, and the one after it, each once.
        more = asking("h2c", "Content-Length: 2", signed(b"{}"))
        sock.sendall(head + inner + more + b"{}" + behind)
        assert statuses(sock, 3) == [202] * 3
    assert rows(kept, "SELECT body, duplicates FROM deliveries ORDER BY id") == [(inner, 1), (b"{}", 0), (b"behind", 0)]


def test_a_wish_for_another_protocol_hides_no_second_length(server: Serving, kept: Store) -> None:
    both = "Transfer-Encoding: chunked\r\nContent-Length: 2"
    tunnels = [b"CONNECT /webhooks/crm HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"]
    for sent in [asking("h2c", both, signed(b"{}")) + b"{}", *tunnels]:
        with server.connect() as sock:
            sock.sendall(sent + raw_request(b"behind", signed(b"behind")))
            assert read_answer(sock)[0] == 400
            assert read_answer(sock)[0] == 0
    assert rows(kept, "SELECT count(*) FROM deliveries") == [(0,)]


ODD_HEADS = {
    "another protocol": raw_request(b"{}", signed(b"{}")).replace(b"HTTP/1.1", b"HTTP/2.0"),
    "no host": raw_request(b"{}", signed(b"{}")).replace(b"Host: test\r\n", b""),
    "two slashes": raw_request(b"{}", signed(b"{}"), path="//webhooks/crm"),
    "two slashes within": raw_request(b"{}", signed(b"{}"), path="/webhooks//crm"),
    "a slash in disguise": raw_request(b"{}", signed(b"{}"), path="/webhooks%2Fcrm"),
    "a long head in one piece": raw_request(b"{}", signed(b"{}", x_long="a" * (MOST_HEAD + 1))),
}


@pytest.mark.parametrize("what", ODD_HEADS)
def test_an_odd_head_is_refused_and_nothing_of_it_is_kept(server: Serving, kept: Store, what: str) -> None:
    with server.connect() as sock:
        sock.sendall(ODD_HEADS[what])
        status, _ = read_answer(sock)
    assert 400 <= status < 500
    assert rows(kept, "SELECT count(*) FROM deliveries") == [(0,)]
