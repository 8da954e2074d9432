"""The contract of an adapter: every check, on every story."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from seamline.adapter import Adapter
from seamline.errors import SeamlineError
from seamline.signature.base import Secrets
from seamline.testing import update
from seamline.testing.checks.check import AdapterCheck, Broken, Case, Contract, Endless, StoryCheck, place
from seamline.testing.checks.declaration import DECLARATION_CHECKS
from seamline.testing.checks.golden import GOLDEN_CHECKS, STALE_CHECKS
from seamline.testing.checks.looking import LOOK_CHECKS, STATUS_CHECKS, LookCheck
from seamline.testing.checks.polling import POLLING_CHECKS, RUN_CHECKS
from seamline.testing.checks.proof import PROOF_CHECKS
from seamline.testing.checks.reading import KIND_CHECKS, READING_CHECKS
from seamline.testing.checks.secrecy import SECRECY_CHECKS
from seamline.testing.checks.sending import CHANNEL_CHECKS, SENDING_CHECKS, SendingCheck
from seamline.testing.checks.telling import TELLING_CHECKS
from seamline.testing.story import ContractError, Look, Sending, Story
from seamline.testing.suite import Suite

#: Without this nothing else can be judged.
PLAYS = "plays its story"
_PLAYS_ADVICE = "mend what the story says, or what the adapter does with it"

STORY_CHECKS: tuple[StoryCheck, ...] = (
    *PROOF_CHECKS,
    *TELLING_CHECKS,
    *READING_CHECKS,
    *POLLING_CHECKS,
    *SECRECY_CHECKS,
    *GOLDEN_CHECKS,
)
ADAPTER_CHECKS: tuple[AdapterCheck, ...] = (
    *DECLARATION_CHECKS,
    *KIND_CHECKS,
    *RUN_CHECKS,
    *CHANNEL_CHECKS,
    *STATUS_CHECKS,
    *STALE_CHECKS,
)


def check_names() -> tuple[str, ...]:
    """The names of all checks: what ``exempt`` may name besides event types."""
    checks: tuple[StoryCheck | SendingCheck | LookCheck | AdapterCheck, ...] = (
        *STORY_CHECKS, *SENDING_CHECKS, *LOOK_CHECKS, *ADAPTER_CHECKS,
    )  # fmt: skip
    return (PLAYS, *(check.name for check in checks))


def adapter_contract(
    make: Callable[[], Adapter],
    root: Path,
    stories: Sequence[Story],
    secrets: Secrets | None = None,
    *,
    exempt: Mapping[str, str] | None = None,
    addresses: Sequence[str] = (),
    sendings: Sequence[Sending] = (),
    looks: Sequence[Look] = (),
    only: Collection[str] = (),
    update_golden: bool | None = None,
) -> int:
    """Prove that an adapter keeps its contract; returns how many checks ran.

    ``root`` holds the samples and the ``*.expected.json`` files. ``secrets`` are those besides the signing secret,
    such as ``{"api": ["…"]}``. ``exempt`` maps a check's name, or an event type that has no story, to the reason.
    ``addresses`` are e-mail addresses (or ``@domain``) that copied official samples may hold. ``sendings`` are what a
    channel is proved with, ``looks`` what ``status`` is; an adapter that is nothing else needs no stories. ``only``
    runs these checks alone. Raises ContractError, whose text names each broken check, its story and what to do.
    """
    __tracebackhide__ = True  # what is broken is in the text, not in the kit
    refresh = update.wanted() if update_golden is None else update_golden
    told = (tuple(sendings), tuple(looks))
    contract = Contract(make, root, tuple(stories), secrets or {}, exempt or {}, addresses, refresh, *told)
    if not contract.stories and contract.adapter.emits:
        raise ContractError(f"{contract.adapter.name} has no story: give it at least one")
    failures: list[str] = []
    ran = 0
    playable = [case for case in contract.cases if _plays(case, failures)]
    for check in STORY_CHECKS:
        if _wanted(check.name, contract, only):
            for case in playable:
                ran += _on_story(check, case, failures)
    for way_out in SENDING_CHECKS:
        if _wanted(way_out.name, contract, only):
            for sending in contract.sendings:
                label = f"{way_out.name} [{sending.name}]"
                ran += _outcome(label, way_out.advice, partial(way_out.run, contract, sending), failures)
    for question in LOOK_CHECKS:
        if _wanted(question.name, contract, only):
            for look in contract.looks:
                label = f"{question.name} [{look.name}]"
                ran += _outcome(label, question.advice, partial(question.run, contract, look), failures)
    if len(playable) == len(contract.cases):
        for whole in ADAPTER_CHECKS:
            if _wanted(whole.name, contract, only):
                ran += _outcome(whole.name, whole.advice, partial(whole.run, contract), failures)
    if failures:
        raise ContractError(_text(contract, failures), failures)
    return ran + len(playable)


def check_suite(suite: Suite, *, update_golden: bool | None = None) -> int:
    """Run ``adapter_contract`` on a suite."""
    __tracebackhide__ = True
    return adapter_contract(
        suite.make,
        suite.root,
        suite.stories,
        suite.secrets,
        exempt=suite.exempt,
        addresses=suite.addresses,
        sendings=suite.sendings,
        looks=suite.looks,
        update_golden=update_golden,
    )


def _wanted(name: str, contract: Contract, only: Collection[str]) -> bool:
    return name not in contract.exempt and (not only or name in only)


def _plays(case: Case, failures: list[str]) -> bool:
    try:
        assert case.played is not None
    except Exception as error:
        told = isinstance(error, ContractError)
        kind = "" if told else f"{type(error).__name__}: "
        at = "" if told else place(error)
        failures.append(f"{PLAYS} [{case.story.name}]: {kind}{error}{at}. What to do: {_PLAYS_ADVICE}")
        # A story that does not play can still be judged by its proof: that is most often why.
        for check in () if told else PROOF_CHECKS:
            _on_story(check, case, failures)
        return False
    return True


def _outcome(name: str, advice: str, run: Callable[[], bool], failures: list[str]) -> bool:
    try:
        return run()
    except (Broken, ContractError, Endless) as broken:
        failures.append(f"{name}: {broken}. What to do: {advice}")
    except (SeamlineError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        failures.append(f"{name}: {type(error).__name__}: {error}{place(error)}. What to do: {advice}")
    return True


def _on_story(check: StoryCheck, case: Case, failures: list[str]) -> bool:
    return _outcome(f"{check.name} [{case.story.name}]", check.advice, lambda: check.run(case), failures)


def _text(contract: Contract, failures: Sequence[str]) -> str:
    return f"{contract.adapter.name}: {len(failures)} broken\n" + "\n".join(f"- {failure}" for failure in failures)
