"""Checks of where secrets and bodies go: to the declared hosts, and never into a text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from seamline.delivery import Item
from seamline.ssrf import host_matches
from seamline.testing.checks.check import Case, StoryCheck, demand
from seamline.testing.play import Bench, calls_of

_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")

#: Shorter values occur by chance.
_MIN_SECRET = 6


def sends_secrets_only_to_hosts(case: Case) -> bool:
    for call in case.played.calls:
        parts = urlsplit(call.url)
        if call.secret is not None or call.json_secrets:
            demand(parts.scheme == "https", f"call {call.name!r} carries a secret over {parts.scheme}")
            host = parts.hostname or ""
            demand(host_matches(host, case.bench.adapter.hosts), f"{host} of call {call.name!r} is not in hosts")
    return bool(case.played.calls)


def asks_nothing_twice(case: Case) -> bool:
    ran = False
    for item in case.played.items.values():
        if item.answers:
            ran = True
            calls = list(_asked_again(case.bench, item))
            demand(not calls, f"fetch() asks for {', '.join(calls)} again although the answer is stored")
    return ran


def shows_no_secret(case: Case) -> bool:
    bench = case.bench
    shown = [repr(bench.adapter), str(bench.adapter), repr(bench.adapter.settings), repr(bench.scheme)]
    bodies = []
    for _, bare in bench.signed_steps():
        delivery = bench.deliver(bench.sign(bare))
        bodies.append(delivery.body.decode("utf-8", "replace"))
        shown += [repr(delivery), repr(delivery.headers), delivery.key]
        for secret in _values(bench):
            demand(secret not in bodies[-1], "the stored body holds a secret: give its scheme a masked()")
    for _, item in case.played.cut:
        shown += [repr(item), item.key]
    shown += [repr(call) for call in case.played.calls]
    shown += [str(error) for error in (*case.played.quarantined, *case.played.raised)]
    text = "\n".join(shown)
    for secret in _values(bench):
        demand(secret not in text, "a secret can be read in a repr(), a kept header or an error")
    for body in bodies:
        demand(len(body) < _MIN_SECRET or body not in text, "a body can be read in a repr()")
        for address in set(_ADDRESS.findall(body)):
            demand(address not in text, "an address of the body can be read in a repr(), a key or an error")
    return True


def _values(bench: Bench) -> Iterator[str]:
    for secrets in (bench.signing, bench.secrets):
        for values in secrets.values():
            yield from (value for value in values if len(value) >= _MIN_SECRET)


def _asked_again(bench: Bench, item: Item) -> Iterator[str]:
    calls = calls_of("fetch()", bench.adapter.fetch(item))
    try:
        call = next(calls, None)
        if call is not None and (call.secret is None or call.secret in bench.secrets):
            yield call.name
    finally:
        calls.close()


SECRECY_CHECKS: Sequence[StoryCheck] = (
    StoryCheck(
        "secrets go only to hosts",
        "name the API's host in hosts (or *.host), use https, and let the engine add the secret: Call(secret=…)",
        sends_secrets_only_to_hosts,
    ),
    StoryCheck(
        "fetch asks nothing twice",
        'begin each call with `if "name" not in item.answers`: a fetch is resumed where it failed',
        asks_nothing_twice,
    ),
    StoryCheck(
        "secrets and bodies stay out of texts",
        "fields that hold them need field(repr=False); keys and errors name fields, never values",
        shows_no_secret,
    ),
)
