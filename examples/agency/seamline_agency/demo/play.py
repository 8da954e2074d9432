"""Play the demo: found the company, serve it, let the providers send, and say what came of it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from rich.console import Console
from rich.text import Text

from seamline_agency.demo.api import Api
from seamline_agency.demo.company import found_company
from seamline_agency.demo.outcome import Outcome, read_outcomes
from seamline_agency.demo.provider_api import ProviderApi
from seamline_agency.demo.scene import Noted, Scene
from seamline_agency.demo.server import NotServing, Server
from seamline_agency.demo.story import lead_at, play_stories

#: Longest wait for the server and its worker to be ready, and for the last counts to be written, in seconds.
READY_S, COUNTED_S = 30.0, 6.0


def play(*, once: bool = False, port: int | None = None, console: Console | None = None) -> int:
    """Play the stories; returns the exit code: 0 only if every expected outcome was seen.

    ``once`` ends then; otherwise the company goes on until it is interrupted. ``port`` 0 or None takes any free one.
    """
    console = console or Console()
    with _ending_in_order():
        try:
            return _play(once, port or 0, console)
        except KeyboardInterrupt:
            return 130


def _play(once: bool, port: int, console: Console) -> int:
    now = datetime.now(UTC).replace(microsecond=0)
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="seamline-demo-"))
        company = found_company(Path(folder))
        tokens = {"graph.facebook.com": company.secrets["leads_page"], "api.hubapi.com": company.secrets["crm_api"]}
        providers = stack.enter_context(ProviderApi(tokens, lead_at(now), limited=True))
        try:
            server = stack.enter_context(Server(company, port, providers.url))
        except NotServing as error:
            console.print(Text(str(error), style="red"))
            return 1
        api = Api(server.url, company.token)
        stack.callback(api.close)
        if not api.wait_ready(READY_S):
            console.print(Text(f"The company is not ready; the end of its log:\n{server.log()}", style="red"))
            return 1
        console.print(f"[bold]Northwind Agency[/] on {server.url}, in {folder}")
        scene = Scene(company, api, server.url)
        stack.callback(scene.close)
        try:
            play_stories(scene, console, now)
            code = _summary(console, _outcomes(api, scene.noted))
        except httpx.HTTPError as error:
            console.print(Text(f"{type(error).__name__}; the end of the log:\n{server.log()}", style="red"))
            return 1
        if not once:
            _stay(console, server, company.token)
        return code


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Take a request to end like an interrupt, so that what was started is ended and the folder is removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _outcomes(api: Api, noted: Noted) -> list[Outcome]:
    """The outcomes; refusals are counted every few seconds, so what is missing is looked for again."""
    until = time.monotonic() + COUNTED_S
    while True:
        found = read_outcomes(api, noted)
        if all(one.seen for one in found) or time.monotonic() > until:
            return found
        time.sleep(0.2)


def _summary(console: Console, outcomes: list[Outcome]) -> int:
    missing = [one for one in outcomes if not one.seen]
    console.print()
    for one in outcomes:
        mark = Text("✓ ", style="green") if one.seen else Text("✗ ", style="bold red")
        console.print(mark + Text(one.text) + Text("" if one.seen else f" ({one.found})", style="red"))
    console.print()
    console.print("Not on this floor yet: drafts, approvals, and what is due by the clock.", style="dim")
    verdict = f"{len(missing)} of {len(outcomes)} expected outcomes are missing." if missing else "All was as expected."
    console.print(verdict, style="bold red" if missing else "bold green")
    return 1 if missing else 0


def _stay(console: Console, server: Server, token: str) -> None:
    """Go on until interrupted."""
    console.print(f"\nThe company goes on. Its API: {server.url}/api/v1/events, the routes: {server.url}/schema")
    console.print(f'curl -H "Authorization: Bearer {token}" {server.url}/api/v1/accounts', soft_wrap=True)
    console.print("Ctrl-C ends it.")
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
