"""A real SMTP server on the loopback address (aiosmtpd), and one that hangs up where it is told to."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "mailer", "example-password"


@dataclass
class Mailbox:
    """What a server took, and what it says instead (``refuses``: reply by command, or by recipient)."""

    port: int = 0
    refuses: dict[str, str] = field(default_factory=dict)
    taken: list[Envelope] = field(default_factory=list)
    greeted: list[str] = field(default_factory=list)
    over_tls: list[bool] = field(default_factory=list)
    logins: list[bytes] = field(default_factory=list)

    # --- aiosmtpd's own names for the hooks of a handler ---

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.greeted.append(hostname)
        session.host_name = hostname
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.refuses.get("MAIL", "250 OK")

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        transport = server.transport
        self.over_tls.append(transport is not None and transport.get_extra_info("ssl_object") is not None)
        if "DATA" not in self.refuses:
            self.taken.append(envelope)
        return self.refuses.get("DATA", "250 taken")


@contextmanager
def mail_server(tls: ssl.SSLContext, *, implicit: bool = True, offers_tls: bool = True) -> Iterator[Mailbox]:
    """A server with TLS from the first byte, or by STARTTLS; it lets in who knows USER and PASSWORD."""
    box = Mailbox()

    def known(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: object) -> AuthResult:
        assert isinstance(given, LoginPassword)
        box.logins.append(given.login)
        right = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)

    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=_free_port(),
        ssl_context=tls if implicit else None,
        tls_context=tls if not implicit and offers_tls else None,
        require_starttls=not implicit and offers_tls,
        authenticator=known,
        auth_require_tls=False,
    )
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


#: What a server says to each command, until it hangs up; DATA's text has its own, ".".
REPLIES = {
    "": b"220 here\r\n",
    "EHLO": b"250 hi\r\n",
    "MAIL": b"250 ok\r\n",
    "RCPT": b"250 ok\r\n",
    "DATA": b"354 go\r\n",
}


@contextmanager
def hanging_up(tls: ssl.SSLContext, at: str, replies: dict[str, bytes] | None = None) -> Iterator[Mailbox]:
    """A server that hangs up at a command: at "." it has taken the whole message and does not say so."""
    box, told = Mailbox(), {**REPLIES, **(replies or {})}
    listening = socket.create_server(("127.0.0.1", 0))
    box.port = listening.getsockname()[1]

    def serve() -> None:
        plain, _ = listening.accept()
        with tls.wrap_socket(plain, server_side=True) as connection, connection.makefile("rb") as lines:
            word = ""
            while word != at:
                connection.sendall(told.get(word, b"250 ok\r\n"))
                if not told[""].startswith(b"220"):
                    break
                if word == "DATA":
                    taken = Envelope()
                    taken.content = b"".join(iter(lines.readline, b".\r\n"))
                    box.taken.append(taken)
                    word = "."
                else:
                    word = lines.readline(2000)[:4].decode().strip().upper()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield box
    finally:
        listening.close()
        thread.join(5)


@contextmanager
def talking(tls: ssl.SSLContext, at: str, told: Callable[[str], None] = lambda _: None) -> Iterator[Mailbox]:
    """A server whose reply to a command has a million lines; ``told`` hears of each reply's command, and line."""
    box = Mailbox()
    listening = socket.create_server(("127.0.0.1", 0))
    box.port = listening.getsockname()[1]

    def answer(connection: ssl.SSLSocket, word: str) -> None:
        for _ in range(1_000_000 if word == at else 0):
            connection.sendall(b"250-and\r\n")
            told(word)
        told(word)
        connection.sendall(REPLIES.get(word, b"250 ok\r\n"))

    def serve() -> None:
        plain, _ = listening.accept()
        with (
            suppress(OSError),
            tls.wrap_socket(plain, server_side=True) as connection,
            connection.makefile("rb") as lines,
        ):
            answer(connection, "")
            while line := lines.readline(2000):
                word = line[:4].decode().strip().upper()
                answer(connection, word)
                if word == "DATA":
                    while (line := lines.readline()) not in (b".\r\n", b""):
                        pass
                    box.taken += [Envelope()] if line else []
                    answer(connection, ".")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield box
    finally:
        listening.close()
        thread.join(5)
