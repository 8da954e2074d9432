"""Whatever anybody sends to the front door of any adapter, nothing of it is a fault of ours or taken for genuine."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from seamline.adapter import Adapter
from seamline.delivery import Request
from seamline.errors import SignatureError
from seamline.testing import load_suite, suite_names
from seamline.testing.keys import other_secret
from seamline_webhooks.app import create_app
from seamline_workers.company.config import load_config
from seamline_workers.store.migrate import upgrade
from seamline_workers.store.store import Store, open_store
from support.asgi import Asgi, Sent
from support.calls import raw_request, read_answer
from support.servers import Postgres
from support.serving import Serving

PUBLIC = "https://hooks.example.com"
#: Bodies of each source that are signed and mutated.
BODIES = 4

quick = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
long = settings(quick, max_examples=4_000)


@dataclass(frozen=True)
class Origin:
    """A source of one adapter with one scheme, and what its provider sends, unsigned."""

    name: str
    adapter: Adapter
    settings: dict[str, Any]
    bare: tuple[Request, ...]

    @property
    def covered(self) -> bool:
        """Whether the proof covers the body."""
        return self.adapter.trust in ("signed", "relayed")

    @property
    def scheme(self) -> Any:
        assert self.adapter.scheme is not None
        return self.adapter.scheme

    def sign(self, bare: Request, now: datetime | None = None, *, wrong: bool = False) -> Request:
        secrets = self.scheme.example()[0]
        if wrong:
            secrets = {name: [other_secret(value) for value in values] for name, values in secrets.items()}
        signed: Request = self.scheme.sign(bare, secrets, now or datetime.now(UTC))
        return signed


def origins() -> list[Origin]:
    """One for each scheme that any story of any installed adapter has."""
    found: dict[tuple[str, str], Origin] = {}
    for name in suite_names():
        suite = load_suite(name)
        for story in suite.stories:
            options = dict(story.settings or {})
            adapter = suite.make() if story.settings is None else type(suite.make())(options)
            steps = [step for step in story.steps if step.poll is None and not step.challenged]
            if adapter.scheme is None or not steps:
                continue
            key = (name, repr(adapter.scheme))
            known = found.setdefault(key, Origin(f"{name}_{len(found)}", adapter, options, ()))
            url = f"{PUBLIC}/webhooks/{known.name}"
            more = [step.request(suite.root, url) for step in steps if step.method == "POST"]
            found[key] = replace(known, bare=(*known.bare, *more)[:BODIES])
    return list(found.values())


ORIGINS = origins()


def test_every_adapter_is_among_them() -> None:
    takes_in = {entry.name for entry in entry_points(group="seamline.adapters") if entry.load().emits}
    assert {origin.adapter.name for origin in ORIGINS} == takes_in


class Read(dict[str, str]):
    """Headers that remember which of them were asked for."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return super().__getitem__(name)


@pytest.mark.parametrize("origin", [one for one in ORIGINS if one.covered], ids=lambda origin: origin.name)
def test_a_captured_request_is_the_same_delivery_whatever_is_changed_in_what_nobody_signed(origin: Origin) -> None:
    now, (_, secrets, keys) = datetime.now(UTC), origin.scheme.example()
    for bare in origin.bare:
        signed = origin.sign(bare, now)
        read = Read(signed.headers)
        key = origin.adapter.delivery_key(replace(signed, headers=read))
        for name in read.names:
            changed = replace(signed, headers={**signed.headers, name: "another"})
            with suppress(SignatureError):
                origin.scheme.verify(changed, secrets, now, keys)
                assert origin.adapter.delivery_key(changed) == key, name


def section(origin: Origin) -> str:
    """The source's table in the configuration."""
    secrets = {name: [f"literal:{value}" for value in values] for name, values in origin.scheme.example()[1].items()}
    if type(origin.adapter).challenge is not Adapter.challenge:
        secrets["verify_token"] = ["literal:nobody knows this"]
    keys = {"adapter": origin.adapter.name, "secrets": secrets, "settings": origin.settings}
    if origin.adapter.needs_allow:
        keys["allow"] = ["*"]
    return f"[sources.{origin.name}]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in keys.items())


def toml(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(toml, value)) + "]"
        case _:
            return json.dumps(value)


_KEPT = text("SELECT s.name, d.body FROM deliveries d JOIN sources s ON s.id = d.source_id")


@dataclass(frozen=True)
class House:
    """A configuration with all of these sources, and its store."""

    config: Path
    store: Store

    def taken(self) -> list[tuple[str, bytes]]:
        """Source and body of what was kept; nothing stays."""
        with self.store.read() as connection:
            kept = [(row[0], bytes(row[1])) for row in connection.execute(_KEPT)]
        if kept:
            with self.store.begin() as connection:
                connection.execute(text("DELETE FROM deliveries"))
        return kept


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    url = f"sqlite:///{folder / 'seamline.db'}"
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres_server")
        url = server.url(server.create_database())
    store = open_store(url, pool=2)
    upgrade(store)
    config = folder / "seamline.toml"
    config.write_text(f'[company]\npublic_url = "{PUBLIC}"\n[store]\nurl = "{url}"\n' + "".join(map(section, ORIGINS)))
    yield House(config, store)
    store.close()


@dataclass(frozen=True)
class Door:
    """The application, and what it took."""

    asgi: Asgi
    house: House

    def knock(self, sent: Sent) -> tuple[int, list[tuple[str, bytes]]]:
        """The status, and source and body of what was kept."""
        return self.asgi.send(sent)[0], self.house.taken()


@pytest.fixture(scope="module")
def door(house: House) -> Iterator[Door]:
    with Asgi(create_app(load_config(house.config))) as asgi:
        yield Door(asgi, house)


# --- what is sent ---------------------------------------------------------------------------------------------------

METHODS = ("POST", "POST", "POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "LINK", "")
ODD_VALUES = (
    *(b"", b" ", b",", b"=", b"\xff" * 300, b"\x00", b"9" * 5_000, b"-1", b"1e400", b"NaN", "١٢٣".encode()),
    *(b"v1,", b"v1,=", b"t=1,v1=", b"t=,v1=", b"sha256=", b"Basic", b"Basic Og==", b"Basic \xff", b"Bearer x"),
    *(b"gzip", b"deflate", b"gzip, gzip", b"identity", b"br", b"multipart/form-data; boundary=\xff"),
)
OTHER_NAMES = (
    *("content-type", "content-encoding", "content-length", "transfer-encoding", "authorization", "cookie", "host"),
    *("x-forwarded-host", "x-original-url", "x-http-method-override", "svix-id", "svix-timestamp", "svix-signature"),
)


def sent(request: Request, body: bytes | None = None) -> Sent:
    path, _, query = request.url.removeprefix(PUBLIC).partition("?")
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()]
    return Sent(request.method, path.encode(), query.encode(), headers, [request.body if body is None else body])


def proof_of(bare: Request, signed: Request) -> list[str]:
    """The headers that signing added."""
    return [name for name, value in signed.headers.items() if bare.headers.get(name) != value]


NAMES = sorted({*OTHER_NAMES, *(name for o in ORIGINS for name in proof_of(o.bare[0], o.sign(o.bare[0])))})
names = st.sampled_from(NAMES).map(str.encode) | st.binary(max_size=30).map(bytes.lower)
values = st.sampled_from(ODD_VALUES) | st.binary(max_size=200)
# The parser of HTTP lets nothing else through in a URL.
queries = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"), max_size=60).map(
    str.encode
) | st.sampled_from(
    [b"hub.mode=subscribe&hub.challenge=1&hub.verify_token=", b"hub.mode=&hub.mode", b"token=", b"token=%00&token=%ff"]
)


@st.composite
def anything(draw: st.DrawFn) -> Sent:
    """Any bytes in any place, or a request that is signed with another secret with a few such bytes in it."""
    origin = draw(st.sampled_from(ORIGINS))
    forged = sent(origin.sign(draw(st.sampled_from(origin.bare)), wrong=True))
    headers = list(forged.headers) if draw(st.booleans()) else []
    headers += draw(st.lists(st.tuples(names, values), max_size=6))
    body = draw(st.lists(st.binary(max_size=300), max_size=3) | st.just(list(forged.body)))
    query = draw(st.just(forged.query) | queries)
    return Sent(draw(st.sampled_from(METHODS)), forged.path, query, draw(st.permutations(headers)), body)


def assert_not_taken(door: Door, request: Sent) -> None:
    status, kept = door.knock(request)
    assert 200 <= status < 500
    assert kept == []
    assert status >= 300 or request.method == "HEAD"


@quick
@given(anything())
def test_any_bytes_in_any_place_are_no_fault_and_are_not_taken(door: Door, request: Sent) -> None:
    assert_not_taken(door, request)


@pytest.mark.long
@long
@given(anything())
def test_many_bytes_in_any_place_are_no_fault_and_are_not_taken(door: Door, request: Sent) -> None:
    assert_not_taken(door, request)


# --- what is nearly genuine -----------------------------------------------------------------------------------------


def flipped(draw: st.DrawFn, value: bytes) -> bytes:
    """One byte is another."""
    at = draw(st.integers(0, len(value) - 1))
    return value[:at] + bytes([value[at] ^ draw(st.integers(1, 255))]) + value[at + 1 :]


def cut(draw: st.DrawFn, value: bytes) -> bytes:
    return value[: draw(st.integers(0, len(value) - 1))]


def grown(draw: st.DrawFn, value: bytes) -> bytes:
    more = draw(st.binary(min_size=1, max_size=20))
    return draw(st.sampled_from([value + more, more + value]))


def same_login(one: bytes, other: bytes) -> bool:
    """Whether two values are one user and password, whatever the scheme's letters and the padding's unused bits are."""
    return _login(one) is not None and _login(one) == _login(other)


def _login(value: bytes) -> tuple[bytes, bytes] | None:
    scheme, _, given = value.partition(b" ")
    try:
        return scheme.lower(), base64.b64decode(given.strip())
    except binascii.Error:
        return None


def nearly_by_its_query(draw: st.DrawFn, origin: Origin, bare: Request) -> Sent:
    """The same where the proof is a parameter of the URL."""
    signed = origin.sign(bare)
    genuine = sent(signed)
    match draw(st.sampled_from(["query", "gone", "twice", "secret", "body", "body"])):
        case "query":
            at = draw(st.integers(0, len(genuine.query) - 1))
            other = draw(st.sampled_from(b"0123456789abcdefABCDEFxyz=")).to_bytes()
            assume(other != genuine.query[at : at + 1])
            return genuine._replace(query=genuine.query[:at] + other + genuine.query[at + 1 :])
        case "gone":
            return genuine._replace(query=b"")
        case "twice":
            return genuine._replace(query=genuine.query + b"&" + genuine.query)
        case "secret":
            return sent(origin.sign(bare, wrong=True))
        case _:
            assume(origin.covered and signed.body)
            return genuine._replace(body=[draw(st.sampled_from([flipped, cut, grown]))(draw, signed.body)])


@st.composite
def nearly(draw: st.DrawFn) -> Sent:
    """A genuine request of which one thing is wrong that makes it genuine."""
    origin = draw(st.sampled_from(ORIGINS))
    bare = draw(st.sampled_from(origin.bare))
    signed = origin.sign(bare)
    genuine, proof = sent(signed), proof_of(bare, signed)
    if not proof:
        return nearly_by_its_query(draw, origin, bare)
    wrong = draw(st.sampled_from(["value", "name", "gone", "secret", "time", "body", "body"]))
    headers = list(genuine.headers)
    at = draw(st.sampled_from([n for n, (name, _) in enumerate(headers) if name.decode("latin-1") in proof]))
    name, value = headers[at]
    match wrong:
        case "value":
            headers[at] = (name, draw(st.sampled_from([flipped, cut]))(draw, value))
            assume(not same_login(value, headers[at][1]))
        case "name":
            headers[at] = (flipped(draw, name).lower(), value)
            # Another number is as good: DocuSign signs with each of its keys.
            assume(headers[at][0].rstrip(b"0123456789") != name.rstrip(b"0123456789"))
        case "gone":
            del headers[at]
        case "secret":
            return sent(origin.sign(bare, wrong=True))
        case "time":
            late = timedelta(days=draw(st.integers(1, 4_000)) * draw(st.sampled_from([-1, 1])))
            again = origin.sign(bare, datetime.now(UTC) + late)
            assume(again != origin.sign(bare))
            return sent(again)
        case _:
            assume(origin.covered and signed.body)
            return genuine._replace(body=[draw(st.sampled_from([flipped, cut, grown]))(draw, signed.body)])
    return genuine._replace(headers=headers)


@quick
@given(nearly())
def test_a_genuine_request_with_one_thing_wrong_is_no_fault_and_is_not_taken(door: Door, request: Sent) -> None:
    assert_not_taken(door, request)


@pytest.mark.long
@long
@given(nearly())
def test_many_requests_with_one_thing_wrong_are_no_fault_and_are_not_taken(door: Door, request: Sent) -> None:
    assert_not_taken(door, request)


def every_byte(value: bytes, at_most: int = 200) -> Iterator[bytes]:
    """A value with one byte of it another, or cut there."""
    for at in range(0, len(value), len(value) // at_most + 1):
        yield value[:at] + bytes([value[at] ^ 0x15]) + value[at + 1 :]
        yield value[:at]


@pytest.mark.parametrize("origin", ORIGINS, ids=lambda origin: str(origin.name))
def test_every_byte_of_a_proof_and_of_what_it_covers_counts(door: Door, origin: Origin) -> None:
    bare = origin.bare[0]
    signed = origin.sign(bare)
    genuine, proof = sent(signed), proof_of(bare, signed)
    assert door.knock(genuine)[1] == [(origin.name, signed.body)]
    for n, (name, value) in enumerate(genuine.headers):
        for other in every_byte(value) if name.decode() in proof else ():
            if not same_login(value, other):
                headers = [*genuine.headers[:n], (name, other), *genuine.headers[n + 1 :]]
                assert_not_taken(door, genuine._replace(headers=headers))
    for other in every_byte(signed.body, 50) if origin.covered else ():
        assert_not_taken(door, genuine._replace(body=[other]))


def test_every_odd_value_in_every_header_is_no_fault_and_is_not_taken(door: Door) -> None:
    for n, name in enumerate(NAMES):
        origin = ORIGINS[n % len(ORIGINS)]
        forged = sent(origin.sign(origin.bare[0], wrong=True))
        kept = [header for header in forged.headers if header[0] != name.encode()]
        for value in ODD_VALUES:
            assert_not_taken(door, forged._replace(headers=[*kept, (name.encode(), value)]))


# --- what is added to what is genuine -------------------------------------------------------------------------------

Change = Callable[[st.DrawFn, Sent], Sent]


def with_header(draw: st.DrawFn, request: Sent) -> Sent:
    at = draw(st.integers(0, len(request.headers)))
    return request._replace(headers=[*request.headers[:at], (draw(names), draw(values)), *request.headers[at:]])


def with_header_twice(draw: st.DrawFn, request: Sent) -> Sent:
    """A header is there twice: the same, or one of the two another."""
    if not request.headers:
        return request
    name, value = draw(st.sampled_from(list(request.headers)))
    other = flipped(draw, value) if value and draw(st.booleans()) else value
    return request._replace(headers=draw(st.permutations([*request.headers, (name, other)])))


def with_value(draw: st.DrawFn, request: Sent) -> Sent:
    if not request.headers:
        return request
    at = draw(st.integers(0, len(request.headers) - 1))
    name, value = request.headers[at]
    other = draw(st.sampled_from([flipped, cut, grown]))(draw, value) if value else draw(values)
    return request._replace(headers=[*request.headers[:at], (name, other), *request.headers[at + 1 :]])


def with_body(draw: st.DrawFn, request: Sent) -> Sent:
    whole = b"".join(request.body)
    other = draw(st.sampled_from([flipped, cut, grown]))(draw, whole) if whole else draw(st.binary(max_size=20))
    return request._replace(body=[other])


def in_pieces(draw: st.DrawFn, request: Sent) -> Sent:
    whole = b"".join(request.body)
    at = draw(st.integers(0, len(whole)))
    return request._replace(body=[whole[:at], whole[at:]])


def with_method(draw: st.DrawFn, request: Sent) -> Sent:
    return request._replace(method=draw(st.sampled_from(METHODS)))


def with_query(draw: st.DrawFn, request: Sent) -> Sent:
    return request._replace(query=request.query + draw(st.sampled_from([b"", b"&"])) + draw(queries))


CHANGES: list[Change] = [with_header, with_header_twice, with_value, with_body, in_pieces, with_method, with_query]


@st.composite
def changed(draw: st.DrawFn) -> tuple[Origin, bytes, Sent]:
    """A genuine request with a few changes of any kind; it may still be genuine."""
    origin = draw(st.sampled_from(ORIGINS))
    signed = origin.sign(draw(st.sampled_from(origin.bare)))
    request = sent(signed)
    for change in draw(st.lists(st.sampled_from(CHANGES), max_size=4)):
        request = change(draw, request)
    return origin, signed.body, request


def assert_taken_only_as_signed(door: Door, told: tuple[Origin, bytes, Sent]) -> None:
    origin, signed, request = told
    status, kept = door.knock(request)
    assert 200 <= status < 500
    assert not kept or status < 300
    assert len(kept) <= 1
    if origin.covered:
        assert kept in ([], [(origin.name, signed)])


@quick
@given(changed())
def test_what_is_taken_is_what_was_signed(door: Door, told: tuple[Origin, bytes, Sent]) -> None:
    assert_taken_only_as_signed(door, told)


@pytest.mark.long
@long
@given(changed())
def test_of_many_changed_requests_what_is_taken_is_what_was_signed(
    door: Door, told: tuple[Origin, bytes, Sent]
) -> None:
    assert_taken_only_as_signed(door, told)


# --- on the wire ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(house: House) -> Iterator[Serving]:
    with Serving(house.config) as running:
        yield running


@st.composite
def garbled(draw: st.DrawFn) -> bytes:
    """A genuine request as bytes, some of which are others, gone, or there twice."""
    origin = draw(st.sampled_from(ORIGINS))
    signed = origin.sign(draw(st.sampled_from(origin.bare)))
    path = signed.url.removeprefix(PUBLIC)
    lines = raw_request(signed.body, dict(signed.headers), path).split(b"\r\n", len(signed.headers) + 4)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["flip", "flip", "flip", "cut", "twice", "more"])):
            case "flip" if lines[at]:
                lines[at] = flipped(draw, lines[at])
            case "cut" if lines[at]:
                lines[at] = cut(draw, lines[at])
            case "twice":
                lines.insert(at, lines[at])
            case _:
                lines.insert(at, draw(names) + b": " + draw(values))
    return b"\r\n".join(lines)


def status_of(server: Serving, sent: bytes) -> int:
    """The status of the answer; 0 where the server hangs up, or waits for more."""
    with server.connect() as sock:
        sock.settimeout(0.2)
        try:
            sock.sendall(sent)
            return read_answer(sock)[0]
        except (TimeoutError, ConnectionError):
            return 0


@settings(quick, max_examples=150)
@given(garbled())
def test_a_garbled_request_on_the_wire_is_no_fault_and_taken_only_as_it_was_signed(
    server: Serving, house: House, raw: bytes
) -> None:
    assert status_of(server, raw) < 500
    genuine = {(origin.name, bare.body) for origin in ORIGINS for bare in origin.bare}
    uncovered = {origin.name for origin in ORIGINS if not origin.covered}
    assert all(one in genuine or one[0] in uncovered for one in house.taken())
