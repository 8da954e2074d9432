"""What a check is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from sysconfig import get_path
from traceback import walk_tb

from seamline.adapter import Adapter
from seamline.events.base import reasons
from seamline.signature.base import Secrets
from seamline.testing.play import Bench, Played, play
from seamline.testing.story import ContractError, Look, Sending, Story


class Broken(Exception):
    """Raised by a check: what was seen instead of what the contract demands."""


class Endless(BaseException):
    """Raised where an adapter never stops asking: past whatever it catches."""


@dataclass(frozen=True)
class Case:
    """One story of the contract, played once."""

    contract: Contract
    story: Story

    @cached_property
    def bench(self) -> Bench:
        return self.contract.bench(self.story)

    @cached_property
    def played(self) -> Played:
        return play(self.bench)


@dataclass(frozen=True)
class Contract:
    """What ``adapter_contract`` was given."""

    make: Callable[[], Adapter]
    root: Path
    stories: Sequence[Story]
    secrets: Secrets = field(repr=False)
    exempt: Mapping[str, str]
    addresses: Sequence[str]
    update_golden: bool
    sendings: Sequence[Sending] = ()
    looks: Sequence[Look] = ()
    #: What a check has judged already in another story, so that it judges it once.
    judged: set[object] = field(default_factory=set, repr=False, compare=False)

    @cached_property
    def adapter(self) -> Adapter:
        return self.make()

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        return tuple(Case(self, story) for story in self.stories)

    def bench(self, story: Story) -> Bench:
        """A bench with a fresh adapter."""
        return Bench.of(self.make(), self.root, story, self.secrets)


@dataclass(frozen=True)
class StoryCheck:
    """A check of every story. ``run`` is False where it does not apply, and raises Broken."""

    name: str
    advice: str
    run: Callable[[Case], bool]


@dataclass(frozen=True)
class AdapterCheck:
    """A check of the adapter as a whole, after its stories."""

    name: str
    advice: str
    run: Callable[[Contract], bool]


def demand(kept: bool, otherwise: str) -> None:
    """Raise Broken unless it is kept."""
    if not kept:
        raise Broken(otherwise)


def place(error: BaseException) -> str:
    """Where an error came about in the author's code, and which fields it names: `` (at acme.py:31: at: …)``.

    Of an error made of another, that of the other; of the kit's own, what it says; empty where it came about in the
    kit or in Python's own library.
    """
    if isinstance(error, ContractError):
        return f": {error}"
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    others = (Path(__file__).parents[2], Path(get_path("stdlib")))
    frames = [(Path(frame.f_code.co_filename), line) for frame, line in walk_tb(cause.__traceback__)]
    found = [
        (path, line)
        for path, line in frames
        if path.is_absolute() and not {*others} & {*path.parents} and "site-packages" not in path.parts
    ]
    words = f": {reasons(cause)}" if isinstance(cause, ValueError) and hasattr(cause, "errors") else ""
    return f" (at {found[-1][0].name}:{found[-1][1]}{words})" if found else ""
