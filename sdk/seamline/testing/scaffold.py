"""Write a new adapter that keeps its contract from the first minute."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from string import Template
from typing import Literal

from seamline.errors import ConfigError
from seamline.testing.contract import check_suite
from seamline.testing.suite import Suite

#: How the provider proves its requests; mend what the scaffold guesses by what the provider documents.
Proving = Literal["hmac", "standard_webhooks", "token"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True)
class Scaffold:
    """What was written; ``entry_points`` goes into the package's pyproject.toml."""

    paths: tuple[Path, ...]
    checks: int
    entry_points: str


@dataclass(frozen=True)
class _Scheme:
    imports: str
    value: str
    trust: str = ""


def _scheme(proving: Proving, header: str) -> _Scheme:
    if proving == "standard_webhooks":
        return _Scheme("StandardWebhooks", "StandardWebhooks()")
    if proving == "token":
        trust = '    trust = "authenticated"  # a token does not cover the body\n'
        return _Scheme("Header, SharedToken", f'SharedToken(Header("{header}"))', trust)
    return _Scheme("Header, Hmac", f'Hmac(Header("{header}"), no_stamp="the provider documents none")')


def new_adapter(name: str, directory: Path, proving: Proving = "hmac") -> Scaffold:
    """Write adapter, sample, golden files, stories and test into ``directory``, and run the adapter's contract.

    Raises ConfigError for a name that cannot be one or is taken, and where a file is there already; ContractError if
    the contract breaks.
    """
    _refuse_name(name)
    words = {"name": name, "Class": _class_name(name), "Provider": name.replace("_", " ").title()}
    scheme = _scheme(proving, f"X-{words['Provider'].replace(' ', '-')}-Signature")
    words |= {"imports": scheme.imports, "scheme": scheme.value, "trust": scheme.trust}
    files = {
        f"{name}_adapter.py": _ADAPTER,
        f"{name}_stories.py": _STORIES,
        f"test_{name}_adapter.py": _TEST,
        f"{name}_samples/viewed.json": _VIEWED,
        f"{name}_samples/accepted.json": _ACCEPTED,
    }
    taken = [file for file in files if (directory / file).exists()]
    if taken:
        raise ConfigError(f"{directory / taken[0]} is there already; take another directory, or another name")
    for file, text in files.items():
        path = directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template(text).substitute(words), "utf-8")
    with _imported(directory, f"{name}_stories") as suite:
        check_suite(suite, update_golden=True)
        checks = check_suite(suite, update_golden=False)
    golden = sorted((directory / f"{name}_samples").glob("*.expected.json"))
    lines = Template(_ENTRY_POINTS).substitute(words)
    return Scaffold((*(directory / file for file in files), *golden), checks, lines)


def _refuse_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigError(f"an adapter's name is like {_NAME.pattern}, not {name!r}")
    if any(entry.name == name for entry in entry_points(group="seamline.adapters")):
        raise ConfigError(f"an adapter {name!r} is installed already; take another name")


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


@contextmanager
def _imported(directory: Path, module: str) -> Iterator[Suite]:
    """The suite of a module in ``directory``; afterwards neither is importable any more."""
    known = set(sys.modules)
    sys.path.insert(0, str(directory.resolve()))
    importlib.invalidate_caches()
    try:
        suite = importlib.import_module(module).stories
        assert isinstance(suite, Suite)
        yield suite
    finally:
        sys.path.remove(str(directory.resolve()))
        stem = module.removesuffix("_stories")
        for loaded in set(sys.modules) - known:
            if loaded in (module, f"{stem}_adapter"):
                del sys.modules[loaded]


_ADAPTER = '''\
"""$Provider: say here what it sends, and where that is documented."""

from __future__ import annotations

from collections.abc import Iterator

from seamline import Adapter, Event, Item, Party
from seamline.events import ProposalAccepted, ProposalViewed
from seamline.signature import $imports


class $Class(Adapter):
    """Proposals of $Provider."""

    name = "$name"
    signature = $scheme
$trust    emits = (ProposalViewed, ProposalAccepted)

    def normalize(self, item: Item) -> Iterator[Event]:
        body = item.data
        told = {
            "party": Party(email=body["email"]),
            "occurred_at": body["at"],
            "fact": body["id"],  # the provider's own id of what happened: told again, it is the same event
            "proposal_id": body["proposal"],
        }
        match body["event"]:
            case "viewed":
                yield ProposalViewed.model_validate(told)
            case "accepted":
                yield ProposalAccepted.model_validate(told)
'''

_STORIES = '''\
"""What $Provider sends, and what must come of it."""

from __future__ import annotations

from pathlib import Path

from seamline.events import ProposalAccepted, ProposalViewed
from seamline.testing import Suite, story

from ${name}_adapter import $Class

stories = Suite(
    $Class,
    Path(__file__).parent / "${name}_samples",
    (
        story("A proposal is viewed", "viewed.json", ProposalViewed),
        story("A proposal is accepted", "accepted.json", ProposalAccepted),
        story("Something else happens", "viewed.json", patch={"event": "renamed"}),
    ),
)
'''

_TEST = '''\
"""$Provider keeps the contract of adapters; after a change of events run pytest with --update-golden."""

from seamline.testing import check_suite

from ${name}_stories import stories


def test_the_adapter_keeps_its_contract() -> None:
    assert check_suite(stories) > 0
'''

_VIEWED = """\
{
  "id": "evt_1",
  "event": "viewed",
  "at": "2026-11-20T10:00:00Z",
  "email": "dana@example.com",
  "proposal": "prop_1"
}
"""

_ACCEPTED = """\
{
  "id": "evt_2",
  "event": "accepted",
  "at": "2026-11-20T11:30:00+01:00",
  "email": "dana@example.com",
  "proposal": "prop_1"
}
"""

_ENTRY_POINTS = """\
[project.entry-points."seamline.adapters"]
$name = "${name}_adapter:$Class"

[project.entry-points."seamline.stories"]
$name = "${name}_stories:stories"
"""
