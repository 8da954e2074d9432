"""The server that commands speak to: orders of humans, by the token's name, and whatever else goes to it over HTTP."""

from __future__ import annotations

import json as jsons
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, update_wrapper
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import typer

from seamline.errors import ConfigError
from seamline_webhooks.cli.company import ConfigOption, JsonOption, configuration
from seamline_webhooks.cli.output import NOT_REACHABLE, WANTING, WRONG_USE, fail, plain, shown

if TYPE_CHECKING:
    from seamline_workers.company.config import Config

#: Longest wait for the answer, in seconds.
PATIENCE_S = 15
#: Longest answer that is read, in bytes.
LONGEST = 4 * 1024 * 1024

UrlOption = Annotated[str | None, typer.Option("--url", help="Where the server is; else company.public_url.")]
TokenOption = Annotated[
    str | None, typer.Option("--token", help="Who decides: the value of an API token; else SEAMLINE_TOKEN.")
]


@dataclass(frozen=True)
class Server:
    """Where an order goes, who gives it, and how the answer is printed: what was said by --url, --token and --json."""

    url: str | None
    token: str | None
    config_path: Path | None
    json: bool

    @cached_property
    def config(self) -> Config:
        """The company's configuration, read on first use: who names the server needs none. Raises ConfigError."""
        return configuration(self.config_path)

    def order(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Give an order, as the human behind the token; returns the answer. Ends the command where it is refused.

        ``path`` starts behind ``/api/v1/``. A refusal prints the problem's detail and its code.
        """
        value = self.token or os.environ.get("SEAMLINE_TOKEN")
        if not value:
            fail(WRONG_USE, "who decides? give --token, or set SEAMLINE_TOKEN to the value of an API token")
        headers = {"Authorization": f"Bearer {value}", "Content-Type": "application/json"}
        content = None if body is None else jsons.dumps(body).encode()
        base = self.url or self.config.company.public_url
        status, answer = exchange(base, f"/api/v1/{path}", content, headers, "POST")
        if not 200 <= status < 300:
            _refused(status, answer)
        return jsons.loads(answer)

    def carry_out(self, path: str, body: Mapping[str, Any] | None = None) -> None:
        """Give an order, and print how things stand afterwards."""
        shown(self.order(path, body), self.json)


def to_server(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options --url, --token, --config and --json; it gets them as its argument ``server``."""

    def told(
        *,
        url: UrlOption = None,
        token: TokenOption = None,
        config: ConfigOption = None,
        json: JsonOption = False,
        **words: Any,
    ) -> None:
        command(**words, server=Server(url, token, config, json))

    both = (*signature(command, eval_str=True).parameters.values(), *signature(told, eval_str=True).parameters.values())
    options = [one for one in both if one.name not in ("server", "words")]
    update_wrapper(told, command)
    # What Typer reads in place of the function's own.
    told.__annotations__ = {one.name: one.annotation for one in options}
    told.__signature__ = Signature(  # type: ignore[attr-defined]
        [one.replace(kind=Parameter.KEYWORD_ONLY) for one in options]
    )
    return told


def address(*parts: str) -> str:
    """A path behind ``/api/v1/``; each part is one step of it, whatever it holds."""
    return "/".join(quote(part, safe="") for part in parts)


class _Nowhere(HTTPRedirectHandler):
    """Follows no redirect: what is sent goes where it was told to go, and so does a token."""

    def redirect_request(self, *_: Any) -> None:
        return None


def exchange(
    base: str, target: str, content: bytes | None, headers: Mapping[str, str], method: str
) -> tuple[int, bytes]:
    """Send one request, past any proxy; returns status and body, whatever they are. Raises ConfigError for no address.

    Ends the command where nobody answers.
    """
    where = base.rstrip("/")
    if urlsplit(where).scheme not in ("http", "https"):
        raise ConfigError("--url: write http://host:port or https://host")
    asked = Request(where + target, content, dict(headers), method=method)  # noqa: S310
    try:
        with build_opener(ProxyHandler({}), _Nowhere()).open(asked, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read(LONGEST)
    except HTTPError as error:
        with error:
            return error.code, error.read(LONGEST)
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        fail(NOT_REACHABLE, f"nobody answers at {where} ({reason}); start it with: seamline serve")


def _refused(status: int, content: bytes) -> None:
    try:
        problem = jsons.loads(content)
    except ValueError:
        fail(WANTING, f"the server answered {status}")
    told = problem if isinstance(problem, dict) else {}
    # Which words are wrong says more than the detail, which points at them.
    wrong = "; ".join(_wrong(str(one["path"]), str(one["message"])) for one in told.get("errors") or ())
    text = wrong or told.get("detail", f"the server answered {status}")
    fail(WANTING, f"{plain(text)} [{plain(told.get('code', status))}]")


def _wrong(word: str, why: str) -> str:
    """Which word is wrong, and why: "reason is blank", or "until: write a time"."""
    return f"{word} {why}" if why.startswith("is ") else f"{word}: {why}"
