"""A provider that takes messages over real HTTP and remembers them, and the adapter that sends them there."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from seamline.adapter import Adapter
from seamline.call import Call, Calls
from seamline.delivery import Item
from seamline.dispatch import ApprovedDispatch
from seamline.events.base import Event
from seamline_workers.company.channel import Channel

#: What a channel of these tests sends with.
KEY = "a key of the tests"


@dataclass
class Mailbox:
    """``sent``: the bodies that came, in order; ``answer`` may make another answer of one; None: it hangs up."""

    port: int = 0
    sent: list[dict[str, Any]] = field(default_factory=list)
    answer: Callable[[dict[str, Any]], tuple[int, dict[str, Any]] | None] = lambda told: (
        200,
        {"id": f"m-{told['key']}"},
    )
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/send"

    def channel(self, name: str = "mail", sender: str | None = None) -> Channel:
        """A channel whose messages come here."""
        return Channel(name, Recording({"url": self.url}), {"api": (KEY,)}, sender)


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    state, turn = Mailbox(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with turn:
                state.sent.append(told)
            answer = state.answer(told)
            if answer is None:
                self.close_connection = True
                return
            status, content = answer
            body = json.dumps(content).encode()
            self.send_response(status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a sender that was killed is a test's subject

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class Recording(Adapter):
    """Sends by one call, and says what it was given."""

    name = "recording"
    signature = None
    emits = ()
    hosts = ("127.0.0.1", "mail.example.com")
    sends = True

    class Settings(BaseModel):
        model_config = ConfigDict(extra="forbid")
        url: str = "https://mail.example.com/send"
        most: int = 10_000

    def normalize(self, item: Item) -> Iterator[Event]:
        yield from ()

    def preflight(self, dispatch: ApprovedDispatch) -> str | None:
        return "the text is too long" if len(dispatch.body) > self.settings.most else None

    def send(self, dispatch: ApprovedDispatch) -> Calls[str]:
        told = {
            "key": dispatch.key,
            "from": dispatch.sender,
            "to": list(dispatch.recipients),
            "subject": dispatch.subject,
            "body": dispatch.body,
            "thread": dispatch.thread,
            "headers": dict(dispatch.headers),
        }
        answer = yield Call("send", self.settings.url, method="POST", json=told, secret="api")
        return str(answer.json()["id"])


def install(folder: Path) -> Path:
    """Make the adapter findable by its entry point from ``folder`` on the path; returns the folder."""
    info = folder / "seamline_recording-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: seamline-recording\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[seamline.adapters]\nrecording = support.recording:Recording\n")
    return folder
