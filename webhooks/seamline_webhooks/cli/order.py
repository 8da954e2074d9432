"""Orders of a human: over HTTP to a running server, with the human's token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import typer

from seamline.errors import ConfigError
from seamline_webhooks.cli.output import NOT_REACHABLE, WANTING, fail, plain

if TYPE_CHECKING:
    from seamline_workers.config import Config

#: Longest wait for the answer, in seconds, and its most bytes.
PATIENCE_S, MOST = 30, 4 * 1024 * 1024

UrlOption = Annotated[str | None, typer.Option("--url", help="Where the server is; else company.public_url.")]
TokenOption = Annotated[
    str | None, typer.Option("--token", envvar="SEAMLINE_TOKEN", help="The value of your token under [api] tokens.")
]


def order(config: Config, url: str | None, token: str | None, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Send an order; gives what it answers. A refusal ends the command, with what the server says to do."""
    base = (url or config.company.public_url).rstrip("/")
    if urlsplit(base).scheme not in ("http", "https"):
        raise ConfigError("--url: write http://host:port or https://host")
    if not token:
        raise ConfigError("--token: say who decides, by a token of [api] tokens, or set SEAMLINE_TOKEN")
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    address = f"{base}/api/v1/{quote(path)}"
    asked = Request(address, json.dumps(body).encode(), headers, method="POST")  # noqa: S310
    try:
        with build_opener(ProxyHandler({})).open(asked, timeout=PATIENCE_S) as answer:
            return _read(answer.read(MOST))
    except HTTPError as error:
        with error:
            told = _read(error.read(MOST))
        fail(WANTING, f"{told.get('code', error.code)}: {plain(told.get('detail', 'the server refuses it'))}")
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        fail(NOT_REACHABLE, f"nobody answers at {base} ({reason}); start it with: seamline serve")


def _read(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
