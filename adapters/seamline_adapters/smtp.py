"""SMTP: a way out for mail by a company's own server, or by any provider's. Nothing comes in by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from seamline import Adapter, ApprovedDispatch, Event, Item, PayloadError, Sends, Submission
from seamline_adapters import letter

#: The name of the secret with user and password.
LOGIN = "api"

_PORTS = {"implicit": 465, "starttls": 587}


class SmtpSettings(BaseModel):
    """The server that mail is handed to, always over TLS. ``port``: 465 for implicit TLS, 587 for STARTTLS.

    ``login = false`` for a server that lets us in by our address.
    """

    model_config = ConfigDict(extra="forbid")

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,253}$")] | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    tls: Literal["implicit", "starttls"] = "implicit"
    sender: letter.Sender | None = None
    login: bool = True


class Smtp(Adapter):
    """Mail that a human has approved, handed to a server by SMTP.

    The server takes it for all recipients or for none. Where the connection is lost after the text was handed over,
    nobody knows whether it was taken: a human looks, and nothing is sent again.
    """

    name = "smtp"
    signature = None
    trust = "unverified"
    emits = ()
    sends = True

    class Settings(SmtpSettings):
        """Settings of an SMTP channel."""

    def __init__(self, settings: BaseModel | Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self.hosts = (self.settings.host,) if self.settings.host else ()

    def normalize(self, item: Item) -> Iterator[Event]:
        raise PayloadError("nothing comes in by SMTP")

    def preflight(self, dispatch: ApprovedDispatch) -> str | None:
        if self.settings.host is None:
            return "no server is named; set host in the channel's settings"
        return letter.fault(dispatch, self.settings.sender)

    def send(self, dispatch: ApprovedDispatch) -> Sends[str]:
        """Hand it over; gives the Message-ID, which is the same at every attempt."""
        host, (name, address) = self.settings.host, letter.writer(dispatch, self.settings.sender)
        if host is None:
            raise PayloadError("no server is named; set host in the channel's settings")
        yield Submission(
            name="send",
            host=host,
            port=self.settings.port or _PORTS[self.settings.tls],
            tls=self.settings.tls,
            sender=address,
            recipients=dispatch.recipients,
            message=letter.written(dispatch, (name, address)),
            secret=LOGIN if self.settings.login else None,
        )
        return letter.message_id(dispatch, address)
