"""``seamline adapters``: what is installed, its samples, its contract, and new ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from seamline_webhooks.cli.company import JsonOption
from seamline_webhooks.cli.output import WANTING, document, line, note, plain, table

if TYPE_CHECKING:
    from seamline.adapter import Adapter
    from seamline.testing import Sample, Suite

app = typer.Typer(help="Adapters: installed ones, their samples, their contract.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The name of an adapter.")]


@app.command("list")
def every(json: JsonOption = False) -> None:
    """List the adapters that are installed."""
    from seamline.testing import suite_names
    from seamline_workers.company.registry import installed, load_adapter

    suites = suite_names()
    found = [_described(load_adapter(name), name in suites) for name in sorted(installed())]
    if json:
        document(found)
        return
    columns = ("name", "version", "trust", "polls", "sends", "stories")
    table(columns, ([adapter[column] for column in columns] for adapter in found))
    note("all that each emits: seamline adapters list --json")


@app.command("check")
def check(name: NameArgument, json: JsonOption = False) -> None:
    """Run the contract tests of an installed adapter."""
    from seamline.testing import ContractError, check_suite, load_suite

    suite = load_suite(name)
    failures: tuple[str, ...] = ()
    ran = 0
    try:
        ran = check_suite(suite, update_golden=False)
    except ContractError as error:
        failures = error.failures or (str(error),)
    if json:
        document({"ok": not failures, "adapter": name, "checks": ran, "failures": list(failures)})
    elif failures:
        for failure in failures:
            line(plain(failure))
        note(f"{name}: {len(failures)} broken")
    else:
        told = f"{len(suite.stories)} stories" + (f" and {len(suite.sendings)} sendings" if suite.sendings else "")
        told += f" and {len(suite.looks)} looks" if suite.looks else ""
        line(f"{name} keeps its contract: {ran} checks over {told}")
    if failures:
        raise typer.Exit(WANTING)


@app.command("samples")
def samples(name: NameArgument, json: JsonOption = False) -> None:
    """List an adapter's samples: what `seamline send` can send."""
    from seamline.testing import load_suite

    found = []
    for sample, stories in _by_sample(load_suite(name)).items():
        emits = sorted({event for story in stories for event in _emits(story)})
        found.append({"sample": sample, "stories": [story.name for story in stories], "emits": emits})
    if json:
        document(found)
    else:
        columns = ("sample", "emits", "stories")
        table(columns, ([row[column] for column in columns] for row in found))


@app.command("new")
def new(
    name: NameArgument,
    folder: Annotated[Path, typer.Option("--dir", help="Where to write it.", file_okay=False)] = Path(),
    proving: Annotated[
        Literal["hmac", "standard_webhooks", "token"], typer.Option(help="How the provider proves its requests.")
    ] = "hmac",
) -> None:
    """Write an adapter with its samples, stories and test, and run its contract."""
    from seamline.testing.scaffold import new_adapter

    folder.mkdir(parents=True, exist_ok=True)
    made = new_adapter(name, folder, proving)
    for path in made.paths:
        line(f"wrote {path}")
    line(f"{name} keeps its contract: {made.checks} checks; put this into your package's pyproject.toml:")
    line(made.entry_points)


def find_sample(suite: Suite, wanted: str) -> Sample | None:
    """The sample that a word names: its file, its file without endings, or a story's name."""
    for story in suite.stories:
        for step in story.steps:
            if sendable(step) and step.file is not None and wanted in (step.file, sample_name(step.file)):
                return step
    for story in suite.stories:
        steps = [step for step in story.steps if sendable(step)]
        if steps and wanted in (story.name, story.slug):
            return steps[0]
    return None


def sample_name(file: str) -> str:
    """A sample's name: its file without ``.json`` and the like."""
    return file.rsplit(".", 1)[0] if "." in file.rsplit("/", 1)[-1] else file


def sendable(sample: Sample) -> bool:
    """Whether a sample is a genuine request: no page of a poll, no unsigned set-up."""
    return sample.poll is None and not sample.challenged


def sample_names(suite: Suite) -> list[str]:
    return list(_by_sample(suite))


def _by_sample(suite: Suite) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for story in suite.stories:
        for step in story.steps:
            if sendable(step):
                name = story.slug if step.file is None else sample_name(step.file)
                stories = found.setdefault(name, [])
                if story not in stories:
                    stories.append(story)
    return dict(sorted(found.items()))


def _emits(story: Any) -> list[str]:
    return [getattr(kind, "event_type", "") or kind.__name__ for kind in story.emits]


def _described(adapter: type[Adapter], stories: bool) -> dict[str, Any]:
    return {
        "name": adapter.name,
        "version": adapter.version,
        "trust": adapter.trust if isinstance(adapter.trust, str) else "by its settings",
        "needs_allow": adapter.needs_allow,
        "emits": sorted(event.event_type for event in adapter.emits),
        "polls": sorted(adapter.polls),
        "sends": adapter.sends,
        "stories": stories,
    }
