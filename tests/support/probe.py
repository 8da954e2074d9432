"""Adapters made for tests of the front door: one for each thing that an adapter may do there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from seamline.adapter import Adapter
from seamline.delivery import Item, Request
from seamline.events.base import Event
from seamline.reply import Replies, Reply
from seamline.signature.base import Secrets
from seamline.signature.hmac import Hmac
from seamline.signature.place import Header
from seamline.signature.token import SharedToken

SIGNATURE = "X-Probe-Signature"


class Probe(Adapter):
    """Signs the body; the key stands in a header, and other headers make every hook fail or answer."""

    name = "probe"
    signature = Hmac(Header(SIGNATURE), no_stamp="a test repeats what it sent")
    emits = ()
    headers = ("X-Probe-Key", "X-Probe-Topic", "Authorization", SIGNATURE)

    class Settings(BaseModel):
        model_config = ConfigDict(extra="forbid")
        topic: str = "ours"

    def challenge(self, request: Request, secrets: Secrets) -> Reply | None:
        if request.query.get("crash"):
            raise RuntimeError("the adapter is broken")
        token, given = secrets.get("verify_token", ("",))[0], request.query.get("challenge")
        if given and token and request.query.get("token") == token:
            return Reply(200, given.encode(), headers={"X-Echo": given})
        return Reply(403) if request.query.get("mode") else None

    def refuse(self, request: Request) -> str | None:
        self._stumble(request, "refuse")
        topic = request.header("x-probe-topic")
        return f"topic {topic}" if topic not in (None, self.settings.topic) else None

    def delivery_key(self, request: Request) -> str | None:
        self._stumble(request, "delivery_key")
        return request.header("x-probe-key")

    def reply(self, request: Request) -> Reply:
        self._stumble(request, "reply")
        if request.body.startswith(b'{"hello"'):
            return Reply.of({"hello": "back"})
        return self.replies.ok

    def normalize(self, item: Item) -> Iterator[Event]:
        yield from ()

    def _stumble(self, request: Request, step: str) -> None:
        if request.header("x-probe-break") == step:
            raise KeyError(step)


class Token(Adapter):
    """A secret in a header that the adapter would keep; odd statuses for every meaning."""

    name = "probe_token"
    signature = SharedToken(Header("X-Probe-Token"))
    emits = ()
    trust = "authenticated"
    headers = ("X-Probe-Token", "X-Probe-Number")
    replies = Replies(
        ok=Reply(204), forged=Reply(406, b"no"), foreign=Reply(200), busy=Reply(429), retried=(429, 500, 502, 504)
    )

    def normalize(self, item: Item) -> Iterator[Event]:
        yield from ()


class Bare(Adapter):
    """A provider that proves nothing."""

    name = "probe_bare"
    signature = None
    emits = ()
    needs_allow = True

    def normalize(self, item: Item) -> Iterator[Event]:
        yield from ()


class _Broken:
    """A scheme with a fault of its own."""

    at = Header("X-Any")

    def present(self, request: Request) -> bool:
        return True

    def key_url(self, request: Request) -> str | None:
        return None

    def verify(self, *given: Any) -> Any:
        raise UnicodeDecodeError("utf-8", b"", 0, 1, "a scheme must not raise this")

    def sign(self, request: Request, *given: Any) -> Request:
        return request

    def example(self) -> Any:
        return {}, {}, {}


class Faulty(Adapter):
    """An adapter whose scheme breaks on every request."""

    name = "probe_faulty"
    signature = _Broken()
    emits = ()

    def normalize(self, item: Item) -> Iterator[Event]:
        yield from ()


def install(folder: Path) -> Path:
    """Make the adapters findable by their entry points from ``folder`` on the path; returns the folder."""
    info = folder / "seamline_probe-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: seamline-probe\nVersion: 1\n")
    classes = (Probe, Token, Bare, Faulty)
    lines = [f"{kind.name} = support.probe:{kind.__name__}" for kind in classes]
    lines += ["probe_absent = support.probe:NoSuchClass", "probe_other = support.probe:Probe"]
    (info / "entry_points.txt").write_text("[seamline.adapters]\n" + "\n".join(lines) + "\n")
    return folder
