"""Outgoing mail: one message handed to a server by SMTP, over TLS, to checked addresses only.

What comes of it is an ``Answer`` with the server's last reply, or an error named by what happens next:

* RetryLater        the server cannot be reached, is too slow, or refused for now (4xx): it has nothing of the message
* NeedsHuman        the credentials, the certificate, or a server without TLS; SecretMissing: there are no credentials
* CallRefused       refused for good (5xx): the sender, a recipient, the message
* EgressRefused     not sent: the host, the port or the address is not allowed
* Uncertain         the connection was lost, or the time was up, after DATA: the server may have taken the message
"""

from __future__ import annotations

import io
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from typing import Any, NoReturn

from seamline.call import Answer, Submission
from seamline.errors import CallRefused, EgressRefused, NeedsHuman, RetryLater, Uncertain
from seamline.signature.base import Secrets, first_secret
from seamline.ssrf import Egress, host_matches

__all__ = ["PORTS", "Submitter"]

#: Where mail is submitted: with TLS from the first byte, with STARTTLS, and the other one of some providers.
PORTS = (465, 587, 2525)
#: Most bytes that a server may say while one mail is handed over. A talkative one says a few thousand.
MOST_SAID = 256 * 1024
#: Bytes of the message that are written at once; each such write is bounded by what is left of the time.
_PIECE = 16 * 1024

_DOT = re.compile(rb"(?m)^\.")
_LINE_END = re.compile(rb"\r\n|\r|\n")


class _NoEnd(Exception):
    """The server does not come to an end: it drips, or it talks and talks."""


@dataclass(frozen=True)
class Submitter:
    """Submits mail, from any thread. ``now`` gives the message its Date.

    ``connect`` and ``read`` bound one wait each and ``budget`` all of a mail together, in seconds by ``clock``.
    """

    egress: Egress
    tls: ssl.SSLContext
    connect: float
    read: float
    now: Callable[[], datetime] = field(repr=False)
    budget: float = 120.0
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    def submit(self, mail: Submission, *, hosts: Sequence[str], secrets: Secrets) -> Answer:
        """Hand a message over, to all its recipients or to none. Raises what the module's docstring names."""
        label = f"{mail.name}: SMTP {mail.host}"
        self.egress.check("https", mail.host)
        if not host_matches(mail.host, hosts):
            raise EgressRefused(f"{label} is none of the adapter's hosts")
        if any(not address.isprintable() for address in (mail.sender, *mail.recipients)):
            raise EgressRefused(f"{label}: an address holds a character that none may hold")
        if mail.secret is not None:
            first_secret(mail.secret, secrets)  # before anything is dialled
        message = self._dated(mail.message)
        try:
            server = _Server(self, mail)
            try:
                server.ehlo()
                if mail.tls == "starttls":
                    server.starttls(context=self.tls)
                    server.ehlo()
                return self._hand_over(server, mail, message, label, secrets)
            finally:
                _leave(server)
        except ssl.SSLCertVerificationError:
            raise NeedsHuman(f"{label}: its certificate is not valid") from None
        except smtplib.SMTPNotSupportedError:
            raise NeedsHuman(
                f"{label} offers no STARTTLS: nothing is sent in the clear; try tls = 'implicit'"
            ) from None
        except smtplib.SMTPResponseException as error:
            _refused(label, "the greeting", error.smtp_code)
        except _NoEnd as error:
            raise RetryLater(f"{label} {error}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise RetryLater(f"{label} cannot be reached ({type(error).__name__})") from None

    def _hand_over(self, server: _Server, mail: Submission, message: bytes, label: str, secrets: Secrets) -> Answer:
        if mail.secret is not None:
            _log_in(server, first_secret(mail.secret, secrets), label)
        _expect(server.mail(mail.sender), label, "the sender")
        for number, recipient in enumerate(mail.recipients, 1):
            # One that is refused ends it before DATA: what was approved goes to all of them.
            _expect(server.rcpt(recipient), label, f"recipient {number} of {len(mail.recipients)}")
        _expect(server.docmd("DATA"), label, "DATA", wanted=354)
        server.hurry()  # whoever has no time left has sent nothing
        try:
            server.send(message)
            code, _ = server.getreply()
        except _NoEnd as error:
            raise Uncertain(f"{label} {error}, after DATA") from None
        except (smtplib.SMTPException, OSError) as error:
            raise Uncertain(f"{label} was lost after DATA ({type(error).__name__})") from None
        _expect((code, b""), label, "the message")
        return Answer(code, b"")

    def _dated(self, message: bytes) -> bytes:
        """The message as it goes over the wire: with its Date, lines ended by CRLF, leading dots doubled."""
        dated = f"Date: {format_datetime(self.now())}\r\n".encode("ascii") + message
        lines = _LINE_END.sub(b"\r\n", dated)
        stuffed = _DOT.sub(b"..", lines)
        return stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")


class _Server(smtplib.SMTP):
    """A server at a checked address. The name stays in SNI and in the certificate's check."""

    def __init__(self, by: Submitter, mail: Submission) -> None:
        self._by = by
        self._mail = mail
        self._until = by.clock() + by.budget
        self._said = 0
        # Receivers write this name into Received: it is the sender's, not that of a machine of ours.
        super().__init__(mail.host, mail.port, mail.sender.rpartition("@")[2], timeout=by.read)

    def left(self, longest: float) -> float:
        """Seconds that one wait may take. Raises _NoEnd where none are left."""
        left = self._until - self._by.clock()
        if left <= 0:
            raise _NoEnd(f"took longer than {self._by.budget:g} s")
        return min(longest, left)

    def hurry(self) -> None:
        """Bound the next wait on the socket by what is left. Raises _NoEnd."""
        if self.sock is not None:
            self.sock.settimeout(self.left(self._by.read))

    def heard(self, size: int) -> None:
        """Count what the server says. Raises _NoEnd where it is too much."""
        self._said += size
        if self._said > MOST_SAID:
            raise _NoEnd(f"said more than {MOST_SAID} bytes")

    def getreply(self) -> tuple[int, bytes]:
        """Read a reply, however slowly it comes, within the time; TLS that begins after it is bounded, too."""
        if self.file is None:
            self.file = io.BufferedReader(_Paced(self))
        try:
            reply = super().getreply()
        except _NoEnd:
            self.close()
            raise
        with suppress(_NoEnd):  # what was said was said in time
            self.hurry()
        return reply

    def send(self, s: Any) -> None:
        """Write in pieces, each of which is bounded: a server that reads byte by byte holds nobody up."""
        data = s.encode("ascii") if isinstance(s, str) else s
        for start in range(0, len(data), _PIECE):
            self.hurry()
            super().send(data[start : start + _PIECE])

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        ports = replace(self._by.egress, ports=PORTS)
        failed: OSError | None = None
        for address in ports.addresses(host, port):
            try:
                plain = socket.create_connection((address, port), self.left(self._by.connect))
            except OSError as error:
                failed = error
                continue
            plain.settimeout(self.left(timeout))
            return plain if self._mail.tls == "starttls" else self._by.tls.wrap_socket(plain, server_hostname=host)
        raise failed or OSError("the host has no address")


class _Paced(io.RawIOBase):
    """What a server says, read within the time of its mail."""

    def __init__(self, server: _Server) -> None:
        self._server = server

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there, at most what the buffer holds."""
        self._server.hurry()
        assert self._server.sock is not None
        size = self._server.sock.recv_into(buffer)
        self._server.heard(size)
        return size


def _log_in(server: smtplib.SMTP, secret: str, label: str) -> None:
    user, _, password = secret.partition(":")
    try:
        server.login(user, password)
    except smtplib.SMTPAuthenticationError as error:
        if 400 <= error.smtp_code < 500:
            raise RetryLater(f"{label} answered {error.smtp_code} to the credentials") from None
        raise NeedsHuman(f"{label} answered {error.smtp_code}: the credentials are not valid") from None
    except (smtplib.SMTPNotSupportedError, UnicodeError, ValueError):
        raise NeedsHuman(f"{label} cannot be told these credentials; they are user:password, in ASCII") from None


def _expect(reply: tuple[int, bytes], label: str, of: str, wanted: int = 250) -> None:
    """Go on where the server does. A reply's text is not shown: it names recipients."""
    code, _ = reply
    if code == wanted or (wanted == 250 and code == 251):
        return
    _refused(label, of, code)


def _refused(label: str, of: str, code: int) -> NoReturn:
    if 400 <= code < 500:
        raise RetryLater(f"{label} answered {code} to {of}")
    raise CallRefused(f"{label} answered {code} to {of}", code)


def _leave(server: smtplib.SMTP) -> None:
    """Say goodbye, to nobody's harm: the message's fate is known by now."""
    with suppress(smtplib.SMTPException, OSError, _NoEnd):
        server.quit()
    server.close()
