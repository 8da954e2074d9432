"""Play the demo: found the company, serve it, play its stories by a simulated clock, and say what came of them."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from rich.console import Console
from rich.text import Text

from seamline.errors import ConfigError
from seamline_agency.demo.api import Api
from seamline_agency.demo.books import Books
from seamline_agency.demo.clock import Clock, NotYet, first_monday
from seamline_agency.demo.company import CLOCK, found_company
from seamline_agency.demo.ending import at_the_end
from seamline_agency.demo.outcome import Outcome, judged
from seamline_agency.demo.provider_api import ProviderApi
from seamline_agency.demo.scene import NotThere, Scene
from seamline_agency.demo.server import NotServing, Server
from seamline_agency.demo.stories import STORIES
from seamline_agency.demo.story import Story
from seamline_agency.demo.table import StoryTable
from seamline_agency.demo.world import World

#: Longest wait for the server and its worker to be ready, and for the last counts to be written, in seconds.
READY_S, COUNTED_S = 30.0, 6.0


def play(
    *, once: bool = False, port: int | None = None, story: int | None = None, console: Console | None = None
) -> int:
    """Play the stories; returns the exit code: 0 only if every expected outcome was seen.

    ``once`` ends then; otherwise the company goes on until it is interrupted. ``story`` plays only the one of this
    number. ``port`` 0 or None takes any free one. Raises ConfigError where there is no such story.
    """
    console = console or Console()
    wanted = [one for one in STORIES if story in (None, one.number)]
    if not wanted:
        raise ConfigError(f"there is no story {story}; there are: {', '.join(str(one.number) for one in STORIES)}")
    with _ending_in_order():
        try:
            return _play(once, port or 0, wanted, console)
        except KeyboardInterrupt:
            return 130


def _play(once: bool, port: int, stories: Sequence[Story], console: Console) -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="seamline-demo-")))
        clock = Clock(folder / CLOCK, first_monday(datetime.now(UTC)))
        company = found_company(folder, clock.now, clock.path)
        books = Books(lambda: clock.now)
        providers = stack.enter_context(ProviderApi(company.provider_tokens(), books, limited=True))
        try:
            server = stack.enter_context(Server(company, port, providers.url))
        except NotServing as error:
            console.print(Text(str(error), style="red"))
            return 1
        api = Api(server.url, company.tokens)
        stack.callback(api.close)
        if not api.wait_ready(READY_S):
            console.print(Text(f"The company is not ready; the end of its log:\n{server.log()}", style="red"))
            return 1
        console.print(f"[bold]Northwind Agency[/] on {server.url}, in {folder}")
        world = World(company, api, clock, books, providers, server)
        stack.callback(world.close)
        try:
            outcomes = [outcome for story in stories for outcome in _played(world, story, console)]
            outcomes += _ended(world, console)
        except httpx.HTTPError as error:
            console.print(Text(f"{type(error).__name__}; the end of the log:\n{server.log()}", style="red"))
            return 1
        code = _verdict(console, outcomes)
        if not once:
            _stay(console, server, company.tokens)
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


def _played(world: World, story: Story, console: Console) -> list[Outcome]:
    """Play a story and show what came of it."""
    broken: list[Outcome] = []
    with StoryTable(console, story.heading) as table:
        scene = Scene(world, story.customer, table)
        try:
            story.play(scene)
        except (NotThere, NotYet) as error:
            broken.append(Outcome("The story was played to its end", False, str(error)))
    outcomes = broken + judged(story.expected, scene.evidence())
    _show(console, outcomes)
    return outcomes


def _ended(world: World, console: Console) -> list[Outcome]:
    """What must hold of all stories together; refusals are counted every few seconds, so it is looked at again."""
    until = time.monotonic() + COUNTED_S
    while True:
        outcomes = at_the_end(world)
        if all(one.seen for one in outcomes) or time.monotonic() > until:
            break
        time.sleep(0.2)
    console.print("[bold]In all of them[/]")
    _show(console, outcomes)
    return outcomes


def _show(console: Console, outcomes: Sequence[Outcome]) -> None:
    for one in outcomes:
        mark = Text("✓ ", style="green") if one.seen else Text("✗ ", style="bold red")
        console.print(mark + Text(one.text) + Text("" if one.seen else f" ({one.found})", style="red"))
    console.print()


def _verdict(console: Console, outcomes: Sequence[Outcome]) -> int:
    missing = [one for one in outcomes if not one.seen]
    verdict = f"{len(missing)} of {len(outcomes)} expected outcomes are missing." if missing else "All was as expected."
    console.print(verdict, style="bold red" if missing else "bold green")
    return 1 if missing else 0


def _stay(console: Console, server: Server, tokens: dict[str, str]) -> None:
    """Go on until interrupted."""
    console.print(f"\nThe company goes on. Its API: {server.url}/api/v1/events, the routes: {server.url}/schema")
    for name, token in tokens.items():
        console.print(f'as {name}: curl -H "Authorization: Bearer {token}" {server.url}/api/v1/drafts', soft_wrap=True)
    console.print("Ctrl-C ends it.")
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
