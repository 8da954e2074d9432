"""Checks of ``status``: what a provider said is evidence, what it did not say is none, and asking changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from seamline.adapter import Adapter, Evidence
from seamline.call import Answer, Call, drive
from seamline.errors import NeedsHuman, PayloadError, RetryLater, SeamlineError
from seamline.events.base import Ref
from seamline.ssrf import host_matches
from seamline.testing.checks.check import AdapterCheck, Broken, Contract, demand, place
from seamline.testing.play import MAX_CALLS, Feed, judged
from seamline.testing.story import ContractError, Look, Respond

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
#: What an error must lead to, by status. Of 404 only what it must not: it does not say that something is over.
_MEANS: Mapping[int, type[SeamlineError]] = {
    401: NeedsHuman,
    404: SeamlineError,
    429: RetryLater,
    500: RetryLater,
    503: RetryLater,
}
_ODD = (b"", b"<html>", b"null", b"[]", b"{}", b'"ok"', b'{"a":', b"\xff")
#: A kind of thing that no provider has.
_NO_KIND = "kind-of-the-kit"
_DATE = {"date": "Sun, 22 Nov 2026 12:00:00 GMT"}

#: What is answered instead to a call, by its place among the calls; None: what the look says.
_Spoil = Callable[[int], Answer | None]


@dataclass(frozen=True)
class LookCheck:
    """A check of every look. ``run`` is False where it does not apply, and raises Broken."""

    name: str
    advice: str
    run: Callable[[Contract, Look], bool]


def gives_its_evidence(contract: Contract, look: Look) -> bool:
    if look.raises is not None:
        try:
            found, _ = _asked(contract, look)
        except look.raises:
            return True
        except SeamlineError as error:
            raise Broken(f"raised {type(error).__name__} instead of {look.raises.__name__}") from error
        raise Broken(f"gave {found.status!r} instead of raising {look.raises.__name__}")
    found, _ = _asked(contract, look)
    demand(isinstance(found, Evidence), f"status() returned a {type(found).__name__} instead of an Evidence")
    told, wanted = (found.ref, found.status, found.settled), (look.ref.id, look.status, look.settled)
    demand(told == wanted, f"(ref, status, settled) is {told!r} instead of {wanted!r}")
    demand(found.checked_at.tzinfo is not None, f"checked_at {found.checked_at!r} is not aware")
    demand(_asked(contract, look)[0] == found, "the same answers gave other evidence the second time")
    return True


def only_reads(contract: Contract, look: Look) -> bool:
    if look.raises is not None:
        return False
    for call in _asked(contract, look)[1]:
        reads = call.method.upper() in _READS or call.repeatable
        demand(reads, f"call {call.name!r} is a {call.method} that is not repeatable: asking must change nothing")
    return True


def keeps_to_its_hosts(contract: Contract, look: Look) -> bool:
    if look.raises is not None:
        return False
    for call in _asked(contract, look)[1]:
        parts = urlsplit(call.url)
        demand(host_matches(parts.hostname or "", contract.adapter.hosts), f"{parts.hostname} is not in hosts")
        demand(parts.scheme == "https", f"call {call.name!r} goes over {parts.scheme}")
    return True


def tells_failures_apart(contract: Contract, look: Look) -> bool:
    if look.raises is not None:
        return False
    for at in range(len(_asked(contract, look)[1])):
        for status, means in _MEANS.items():
            for body in (b"", b"{}"):
                _fails(contract, look, at, Answer(status, body, _DATE), means)
    return True


def _fails(contract: Contract, look: Look, at: int, answer: Answer, means: type[SeamlineError]) -> None:
    """Raise Broken unless this answer to one of the calls leads to this error."""
    what = f"{answer.status} to call {at + 1}"
    try:
        found, _ = _asked(contract, look, lambda n: answer if n == at else None)
    except RetryLater:
        demand(means is RetryLater, f"{what} raised RetryLater: it would be asked again and again")
    except SeamlineError as error:
        demand(isinstance(error, means), f"{what} raised {type(error).__name__} instead of {means.__name__}")
    except Exception as error:
        raise Broken(f"{what} raised {type(error).__name__}{place(error)}") from error
    else:
        demand(means is SeamlineError, f"{what} gave {found.status!r} instead of raising {means.__name__}")
        demand(not found.settled, f"{what} is taken as proof that nothing runs any more")


def odd_answers_settle_nothing(contract: Contract, look: Look) -> bool:
    if look.raises is not None:
        return False
    for at in range(len(_asked(contract, look)[1])):
        for body in _ODD:
            answer = Answer(200, body, _DATE)
            try:
                found, _ = _asked(contract, look, lambda n, at=at, answer=answer: answer if n == at else None)  # type: ignore[misc]
            except SeamlineError:
                continue
            except Exception as error:
                raise Broken(f"an odd answer raised {type(error).__name__}{place(error)}") from error
            demand(not found.settled, f"the answer {body!r} is taken as proof that nothing runs any more")
    return True


def looks_are_told(contract: Contract) -> bool:
    adapter, looks = contract.adapter, [look for look in contract.looks if look.raises is None]
    if type(adapter).status is Adapter.status:
        demand(not contract.looks, "it has looks, but status() is not built")
        return False
    demand(any(look.settled for look in looks), "no Look tells of something that is settled")
    demand(any(not look.settled for look in looks), "no Look tells of something that still runs or is owed")
    try:
        next(adapter.status(Ref(of="account", kind=_NO_KIND, id="1")))
    except PayloadError:
        return True
    except StopIteration:
        raise Broken("status() gave evidence about a kind of thing that the provider has not") from None
    raise Broken("status() asks about a kind of thing that the provider has not")


def _asked(contract: Contract, look: Look, spoil: _Spoil = lambda _: None) -> tuple[Evidence, list[Call]]:
    """What is found, and what was asked."""
    adapter = contract.make()
    if look.settings is not None:
        adapter = type(adapter)(look.settings)
    prepared = {
        key: [_respond(one).answer(contract.root) for one in ([told] if isinstance(told, (str, Respond)) else told)]
        for key, told in look.answers.items()
    }
    feed, calls = Feed(prepared), list[Call]()

    def send(call: Call) -> Answer:
        calls.append(call)
        if len(calls) > MAX_CALLS:
            raise ContractError(f"status() made more than {MAX_CALLS} calls")
        odd = spoil(len(calls) - 1)
        return feed(call) if odd is None else judged(call, odd)

    return drive(adapter.status(look.ref), send)[0], calls


def _respond(told: str | Respond) -> Respond:
    return Respond(told) if isinstance(told, str) else told


LOOK_CHECKS: Sequence[LookCheck] = (
    LookCheck(
        "a look gives its evidence",
        "status is the provider's word, checked_at the Date of its answer; settled only where nothing runs or is owed",
        gives_its_evidence,
    ),
    LookCheck("a look only reads", "GET, or a POST that says repeatable=True because it reads", only_reads),
    LookCheck(
        "a look goes only to hosts",
        "name the API's host in hosts, use https, and let the engine add the secret: Call(secret=…)",
        keeps_to_its_hosts,
    ),
    LookCheck(
        "a look tells failures apart",
        "leave 401, 429 and 5xx to the transport, or raise NeedsHuman and RetryLater; a 404 is no proof of an end",
        tells_failures_apart,
    ),
    LookCheck(
        "an odd answer settles nothing",
        "raise PayloadError where the answer does not say what was asked for",
        odd_answers_settle_nothing,
    ),
)

STATUS_CHECKS: Sequence[AdapterCheck] = (
    AdapterCheck(
        "status is told by looks",
        "give the suite looks at what runs and at what is settled; raise PayloadError for a kind that is not known",
        looks_are_told,
    ),
)
