"""Checks of what an adapter declares, and of whether its stories tell enough."""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from seamline.adapter import Adapter
from seamline.errors import ConfigError
from seamline.testing.checks.check import AdapterCheck, Broken, Case, Contract, demand
from seamline.testing.checks.reading import batches

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_ADDRESS = re.compile(r"[\w.+-]+@((?:[\w-]+\.)+[a-zA-Z]{2,})", re.ASCII)

#: Domains that nobody can own (RFC 2606, RFC 6761).
_RESERVED = re.compile(r"(?:.*\.)?(?:example(?:\.(?:com|net|org|edu))?|test|invalid|localhost)", re.IGNORECASE)


def is_named_as_its_entry_point(contract: Contract) -> bool:
    adapter = contract.adapter
    demand(_NAME.fullmatch(adapter.name) is not None, f"the name {adapter.name!r} must match {_NAME.pattern}")
    kind = type(adapter)
    for entry in entry_points(group="seamline.adapters"):
        ours = _names(entry, kind)
        demand(
            not ours or entry.name == adapter.name, f"the entry point is {entry.name!r}, the adapter {adapter.name!r}"
        )
        value = f"{kind.__module__}:{kind.__qualname__}"
        demand(ours or entry.name != adapter.name, f"the entry point {entry.name!r} names {entry.value}, not {value}")
    return True


def _names(entry: EntryPoint, kind: type[Adapter]) -> bool:
    """Whether an entry point names a class, from wherever its package exports it. Other packages are not loaded."""
    return entry.module.partition(".")[0] == kind.__module__.partition(".")[0] and entry.load() is kind


def has_a_docstring(contract: Contract) -> bool:
    doc = inspect.cleandoc(type(contract.adapter).__dict__.get("__doc__") or "")
    demand(
        bool(doc) and doc[0].isupper() and doc.splitlines()[0].endswith("."),
        "the class has no sentence as its docstring",
    )
    return True


def declares_its_replies(contract: Contract) -> bool:
    adapter = contract.adapter
    try:
        adapter.replies.check(adapter.name)
    except ConfigError as error:
        raise Broken(str(error)) from error
    replies = adapter.replies
    demand(200 <= replies.ok.status < 300, f"replies.ok is {replies.ok.status}, not a 2xx")
    demand(400 <= replies.forged.status < 500, f"replies.forged is {replies.forged.status}, not a 4xx")
    demand(
        replies.busy.status >= 400, f"replies.busy is {replies.busy.status}: it would acknowledge what was not stored"
    )
    return True


def declares_its_signature(contract: Contract) -> bool:
    adapter = contract.adapter
    for event in adapter.emits:
        demand(bool(event.event_type), f"emits names {event.__name__}, which is not a declared event type")
        demand(event.nature == "fact", f"emits names {event.event_type}: sources tell facts, not a {event.nature}")
    demand(bool(adapter.emits) or adapter.sends, "emits is empty, and sends is not set: it does nothing")
    demand(
        adapter.scheme is not None or adapter.trust == "unverified",
        'without a signature, trust must be "unverified"',
    )
    return True


def declares_its_polls(contract: Contract) -> bool:
    adapter = contract.adapter
    nudged = {nudge.poll for case in contract.cases for nudge in case.played.nudges}
    paged = {step.poll for story in contract.stories for step in story.steps if step.poll is not None}
    missing = sorted({*nudged, *paged} - set(adapter.polls))
    demand(not missing, f"polls lacks {', '.join(missing)}, which a Nudge or a page names: it would never run")
    own = type(adapter).poll is not Adapter.poll
    demand(own or not adapter.polls, f"polls names {', '.join(adapter.polls)}, but there is no poll()")
    demand(not own or bool(adapter.polls), "there is a poll(), but polls names none: it would never run")
    return bool(adapter.polls)


def has_a_story_for_each_type(contract: Contract) -> bool:
    told = {kind for story in contract.stories for kind in story.emits}
    missing = [
        event.event_type
        for event in contract.adapter.emits
        if event not in told and event.event_type not in contract.exempt and event.__name__ not in contract.exempt
    ]
    demand(not missing, f"no story for {', '.join(missing)}")
    return True


def holds_no_real_address(contract: Contract) -> bool:
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(path for path in contract.root.rglob("*") if path.is_file()):
        for match in _ADDRESS.finditer(path.read_bytes().decode("utf-8", "replace")):
            address, domain = match.group(0), match.group(1)
            if not _RESERVED.fullmatch(domain) and not {address, f"@{domain}"} & set(contract.addresses):
                found[path.name].add(address)
    text = "; ".join(f"{name}: {', '.join(sorted(addresses))}" for name, addresses in found.items())
    demand(not found, f"addresses that somebody may own stand in {text}")
    return True


def recut_retries_are_told(contract: Contract) -> bool:
    cases = _batching(contract)
    demand(
        not cases or any(_recut(case) for case in cases),
        "no story sends an item again in another batch (two steps that share items, but not all, in other bytes)",
    )
    return bool(cases)


def two_of_a_kind_are_told(contract: Contract) -> bool:
    cases = _batching(contract)
    demand(
        not cases or any(_two_of_a_kind(case) for case in cases),
        "no story has one delivery with two events of one type",
    )
    return bool(cases)


def exempts_with_a_reason(contract: Contract) -> bool:
    for name, reason in contract.exempt.items():
        demand(len(reason.split()) >= 3, f"the exemption from {name!r} gives no reason")
    return bool(contract.exempt)


def _batching(contract: Contract) -> list[Case]:
    """The cases, if any of them holds a list whose elements become items."""
    found = any(batches(case.bench, bare) for case in contract.cases for _, bare in case.bench.signed_steps())
    return list(contract.cases) if found else []


def _recut(case: Case) -> bool:
    keys: dict[int, set[str]] = defaultdict(set)
    for delivery, item in case.played.cut:
        keys[delivery].add(item.key)
    return any(a < b and keys[a] & keys[b] and keys[a] != keys[b] for a in keys for b in keys)


def _two_of_a_kind(case: Case) -> bool:
    ids: dict[tuple[int, type], set[object]] = defaultdict(set)
    for told in case.played.told:
        ids[told.delivery, type(told.event)].add(told.id)
    return any(len(numbers) > 1 for numbers in ids.values())


DECLARATION_CHECKS: Sequence[AdapterCheck] = (
    AdapterCheck(
        "is named as its entry point", "one name everywhere: class, entry point, samples", is_named_as_its_entry_point
    ),
    AdapterCheck("has a docstring", "say in a sentence whose adapter it is, and what it takes in", has_a_docstring),
    AdapterCheck(
        "replies fit the provider", "busy must be retried, foreign must not; see Replies", declares_its_replies
    ),
    AdapterCheck("declares facts and a signature", "mend emits, signature or trust", declares_its_signature),
    AdapterCheck(
        "declares its polls",
        "polls maps each name to how often it runs: polls = {'bookings': timedelta(minutes=10)}; poll() reads it",
        declares_its_polls,
    ),
    AdapterCheck(
        "each emitted type has a story",
        "write one, or exempt the type with a reason: exempt={'deal.lost': 'why'}",
        has_a_story_for_each_type,
    ),
    AdapterCheck(
        "samples hold no real address",
        "use example.com; a copied official sample may be allowed with addresses=('name@…', '@domain')",
        holds_no_real_address,
    ),
    AdapterCheck(
        "a retry cut anew is told",
        "batching providers resend items in other batches: write that story, its items must be told once",
        recut_retries_are_told,
    ),
    AdapterCheck(
        "two of a kind are told",
        "write a story of one delivery with two events of one type: both must come out",
        two_of_a_kind_are_told,
    ),
    AdapterCheck("exemptions have reasons", "say why in a few words", exempts_with_a_reason),
)
