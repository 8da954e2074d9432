"""A suite: an adapter with its samples and stories, as the entry points of ``seamline.stories`` name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from seamline.adapter import Adapter
from seamline.errors import ConfigError
from seamline.signature.base import Secrets
from seamline.testing.story import Look, Sending, Story


@dataclass(frozen=True)
class Suite:
    """What the contract of one adapter is proved with; the fields are the arguments of ``adapter_contract``."""

    make: Callable[[], Adapter]
    root: Path
    stories: tuple[Story, ...] = ()
    secrets: Secrets = field(default_factory=dict, repr=False)
    exempt: Mapping[str, str] = field(default_factory=dict)
    addresses: Sequence[str] = ()
    sendings: tuple[Sending, ...] = ()
    looks: tuple[Look, ...] = ()


def suite_names() -> list[str]:
    """The names of all adapters that bring a suite."""
    return sorted(entry.name for entry in entry_points(group="seamline.stories"))


def load_suite(name: str) -> Suite:
    """The suite of an installed adapter. Raises ConfigError."""
    found = [entry for entry in entry_points(group="seamline.stories") if entry.name == name]
    if not found:
        raise ConfigError(f"no adapter {name!r} brings stories; there are: {', '.join(suite_names())}")
    return _suite(found[0])


def _suite(entry: EntryPoint) -> Suite:
    suite = entry.load()
    if not isinstance(suite, Suite):
        raise ConfigError(f"entry point {entry.name} = {entry.value} must name a seamline.testing.Suite")
    return suite
