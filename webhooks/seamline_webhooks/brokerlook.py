"""A look at the broker: whether it answers. It only rings, so nothing is lost while it does not."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import SplitResult, urlsplit

#: Longest wait for each step of a broker's answer, in seconds.
BROKER_S = 1.0
#: What a broker that does not answer is said to be.
AWAY = "the broker cannot be reached; nothing is lost, workers look for work by themselves"

_PORTS = {"redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671}
#: What each answers in any way; one that hangs takes connections all the same.
_PING, _OPENING = b"PING\r\n", b"AMQP\x00\x00\x09\x01"
_GREETINGS = {"redis": _PING, "rediss": _PING, "amqp": _OPENING, "amqps": _OPENING}


def broker_fault(url: str) -> str | None:
    """What is wrong with the broker of ``[queue] url``; None: it answers, or the store is the queue."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        return None
    try:
        with _connected(parts) as broker:
            broker.sendall(_GREETINGS[parts.scheme])
            return None if broker.recv(1) else AWAY
    except (OSError, ValueError):
        return AWAY


def _connected(parts: SplitResult) -> socket.socket:
    """A connection to the broker. Raises OSError, and ValueError for what is no address."""
    address = (parts.hostname or "localhost", parts.port or _PORTS[parts.scheme])
    plain = socket.create_connection(address, timeout=BROKER_S)
    if parts.scheme in ("redis", "amqp"):
        return plain
    # Whether it answers is all that is asked: it is told no secret, and who it is the queue's own client sees to.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        return context.wrap_socket(plain)
    except BaseException:
        plain.close()
        raise
