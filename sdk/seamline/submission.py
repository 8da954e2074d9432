"""Outgoing mail: one message handed to a server by SMTP, over TLS, to checked addresses only.

What comes of it is an ``Answer`` with the server's last reply, or an error named by what happens next:

* RetryLater        the server cannot be reached, or refused for now (4xx): it has nothing of the message
* NeedsHuman        the credentials, the certificate, or a server without TLS; SecretMissing: there are no credentials
* CallRefused       refused for good (5xx): the sender, a recipient, the message
* EgressRefused     not sent: the host, the port or the address is not allowed
* Uncertain         the connection was lost after DATA: the server may have taken the message
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from typing import NoReturn

from seamline.call import Answer, Submission
from seamline.errors import CallRefused, EgressRefused, NeedsHuman, RetryLater, Uncertain
from seamline.signature.base import Secrets, first_secret
from seamline.ssrf import Guard, host_matches

__all__ = ["PORTS", "Submitter"]

#: Where mail is submitted: with TLS from the first byte, with STARTTLS, and the other one of some providers.
PORTS = (465, 587, 2525)

_DOT = re.compile(rb"(?m)^\.")
_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True)
class Submitter:
    """Submits mail, from any thread. ``connect`` and ``read`` are seconds; ``now`` gives the message its Date."""

    guard: Guard
    tls: ssl.SSLContext
    connect: float
    read: float
    now: Callable[[], datetime] = field(repr=False)

    def submit(self, mail: Submission, *, hosts: Sequence[str], secrets: Secrets) -> Answer:
        """Hand a message over, to all its recipients or to none. Raises what the module's docstring names."""
        label = f"{mail.name}: SMTP {mail.host}"
        self.guard.check("https", mail.host)
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
        except (smtplib.SMTPException, OSError) as error:
            raise RetryLater(f"{label} cannot be reached ({type(error).__name__})") from None

    def _hand_over(
        self, server: smtplib.SMTP, mail: Submission, message: bytes, label: str, secrets: Secrets
    ) -> Answer:
        if mail.secret is not None:
            _log_in(server, first_secret(mail.secret, secrets), label)
        _expect(server.mail(mail.sender), label, "the sender")
        for number, recipient in enumerate(mail.recipients, 1):
            # One that is refused ends it before DATA: what was approved goes to all of them.
            _expect(server.rcpt(recipient), label, f"recipient {number} of {len(mail.recipients)}")
        _expect(server.docmd("DATA"), label, "DATA", wanted=354)
        try:
            server.send(message)
            code, _ = server.getreply()
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
        # Receivers write this name into Received: it is the sender's, not that of a machine of ours.
        super().__init__(mail.host, mail.port, mail.sender.rpartition("@")[2], timeout=by.read)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        ports = replace(self._by.guard, ports=PORTS)
        failed: OSError | None = None
        for address in ports.addresses(host, port):
            try:
                plain = socket.create_connection((address, port), self._by.connect)
            except OSError as error:
                failed = error
                continue
            plain.settimeout(timeout)
            return plain if self._mail.tls == "starttls" else self._by.tls.wrap_socket(plain, server_hostname=host)
        raise failed or OSError("the host has no address")


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
    with suppress(smtplib.SMTPException, OSError):
        server.quit()
    server.close()
