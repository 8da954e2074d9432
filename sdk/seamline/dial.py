"""Connections: to exactly the address that was checked, and never longer than the call's budget.

The name stays in the Host header, in SNI and in the certificate's check; only the socket goes to the address. So a name
that resolves to something else a moment later (DNS rebinding) changes nothing.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore

from seamline.errors import EgressRefused
from seamline.ssrf import Egress

#: Seconds that are left of the call under way.
_LEFT: ContextVar[Callable[[], float] | None] = ContextVar("seamline_left", default=None)


@contextmanager
def within(left: Callable[[], float]) -> Iterator[None]:
    """Bound every wait on a socket by what ``left`` says: a peer that drips bytes cannot hold the thread."""
    token = _LEFT.set(left)
    try:
        yield
    finally:
        _LEFT.reset(token)


def _bounded(timeout: float | None, over: type[httpcore.TimeoutException]) -> float | None:
    left = _LEFT.get()
    if left is None:
        return timeout
    seconds = left()
    if seconds <= 0:
        raise over("the call's time is up")
    return seconds if timeout is None else min(timeout, seconds)


class _Stream(httpcore.NetworkStream):
    """A connection whose waits are bounded."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _bounded(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _bounded(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        bounded = _bounded(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, bounded))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class CheckedBackend(httpcore.NetworkBackend):
    """Opens sockets only to addresses that the egress lets pass."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = self._egress.addresses(host, port)
        except OSError:
            raise httpcore.ConnectError("the host's name has no address") from None
        failed: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in addresses:
            try:
                bounded = _bounded(timeout, httpcore.ConnectTimeout)
                return _Stream(self._inner.connect_tcp(address, port, bounded, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed or httpcore.ConnectError("the host's name has no address")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        raise EgressRefused("calls go to the network, not to a file")
