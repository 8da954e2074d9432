"""Orders of humans over HTTP: the acting human is the token's name, and a server decides."""

from __future__ import annotations

import json as jsons
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import typer

from seamline.errors import ConfigError
from seamline_webhooks.cli.company import configuration
from seamline_webhooks.cli.output import NOT_REACHABLE, WANTING, WRONG_USE, fail, plain, shown

#: Longest wait for the answer, in seconds.
PATIENCE_S = 15
#: Longest answer that is read, in bytes.
LONGEST = 4 * 1024 * 1024

UrlOption = Annotated[str | None, typer.Option("--url", help="Where the server is; else company.public_url.")]
TokenOption = Annotated[
    str | None, typer.Option("--token", help="Who decides: the value of an API token; else SEAMLINE_TOKEN.")
]


class _Nowhere(HTTPRedirectHandler):
    """Follows no redirect: a token goes where it was told to go."""

    def redirect_request(self, *_: Any) -> None:
        return None


def ordered(
    path: str, body: Mapping[str, Any] | None, url: str | None, token: str | None, config: Path | None, as_json: bool
) -> None:
    """Give an order, as the human behind the token, at ``url`` or the configured address; print how things stand."""
    shown(order(url or configuration(config).company.public_url, token, path, body), as_json)


def address(*parts: str) -> str:
    """A path behind ``/api/v1/``; each part is one step of it, whatever it holds."""
    return "/".join(quote(part, safe="") for part in parts)


def order(
    base: str, token: str | None, path: str, body: Mapping[str, Any] | None = None, *, method: str = "POST"
) -> Any:
    """Give an order, or ask (``method`` GET); returns the answer. Ends the command where the server says no.

    ``path`` starts behind ``/api/v1/``. A refusal prints the problem's detail and its code.
    """
    value = token or os.environ.get("SEAMLINE_TOKEN")
    if not value:
        fail(WRONG_USE, "who decides? give --token, or set SEAMLINE_TOKEN to the value of an API token")
    address = base.rstrip("/")
    if urlsplit(address).scheme not in ("http", "https"):
        raise ConfigError("--url: write http://host:port or https://host")
    headers = {"Authorization": f"Bearer {value}", "Content-Type": "application/json"}
    content = None if body is None else jsons.dumps(body).encode()
    asked = Request(f"{address}/api/v1/{path}", content, headers, method=method)  # noqa: S310
    # No proxy, and no redirect with the token: it goes where it was told to go.
    try:
        with build_opener(ProxyHandler({}), _Nowhere()).open(asked, timeout=PATIENCE_S) as answer:
            return jsons.loads(answer.read(LONGEST))
    except HTTPError as error:
        with error:
            _refused(error.code, error.read(LONGEST))
    except (URLError, OSError) as error:
        fail(NOT_REACHABLE, f"nobody answers at {address} ({getattr(error, 'reason', error)}); is it running?")


def _refused(status: int, content: bytes) -> None:
    try:
        problem = jsons.loads(content)
    except ValueError:
        fail(WANTING, f"the server answered {status}")
    told = problem if isinstance(problem, dict) else {}
    wrong = "; ".join(f"{one['path']} {one['message']}" for one in told.get("errors") or ())
    text = f"{told.get('detail', f'the server answered {status}')}{f' ({wrong})' if wrong else ''}"
    fail(WANTING, f"{plain(text)} [{plain(told.get('code', status))}]")
