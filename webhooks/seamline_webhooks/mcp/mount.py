"""MCP over HTTP, at /mcp: with a token as the API, for the hosts and origins that this company is served at."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from litestar import asgi
from litestar.connection import ASGIConnection
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from seamline_webhooks.api import Api, Problem
from seamline_webhooks.mcp.server import WANTED, installed, make_server
from seamline_webhooks.mcp.view import View

#: Where a server is asked on its own machine, whatever its public address.
_LOCAL = ("127.0.0.1", "localhost", "[::1]")


class Mount:
    """The MCP server of a running application. ``route`` serves it while ``running`` holds."""

    def __init__(self, view: View, api: Api) -> None:
        self._api = api
        self._server = make_server(view) if installed() else None
        if self._server is not None:
            from mcp.server.transport_security import TransportSecuritySettings

            hosts, origins = _allowed(view.config.company.public_url)
            security = TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins)
            self._app = self._server.streamable_http_app(
                streamable_http_path="/", stateless_http=True, json_response=True, transport_security=security
            )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve MCP; enter once, as long as the application lives."""
        if self._server is None:
            yield
            return
        async with self._server.session_manager.run():
            yield

    @property
    def route(self) -> ASGIRouteHandler:
        @asgi("/mcp", is_mount=True, copy_scope=True)
        async def mcp(scope: Scope, receive: Receive, send: Send) -> None:
            if self._server is None:
                raise Problem("not-found", WANTED)
            self._api.admit(ASGIConnection(scope))
            await self._app(scope, receive, send)  # type: ignore[arg-type]

        return mcp


def _allowed(public_url: str) -> tuple[list[str], list[str]]:
    """The Host and Origin headers that are taken: those of the public address, and those of this machine."""
    public = urlsplit(public_url)
    hosts = [public.netloc, *(host for local in _LOCAL for host in (local, f"{local}:*"))]
    origins = [f"{public.scheme}://{public.netloc}"]
    return hosts, origins + [f"http://{local}{port}" for local in _LOCAL for port in ("", ":*")]
