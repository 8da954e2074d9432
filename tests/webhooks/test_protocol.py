"""What a connection may send beside requests: bounded, and never taken for headers."""

from __future__ import annotations

import socket

from seamline_webhooks.protocol import MOST_HEAD, MOST_LATE
from support.calls import read_answer, signed
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
