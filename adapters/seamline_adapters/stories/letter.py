"""Sendings that hold for every channel that sends mail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seamline.testing import Respond, Sending

_TEXT = "Dear Dana,\n\n.the offer is “ready” <b>today</b> & costs 1.200 €.\n\nJordan\n"


def letters(
    settings: Mapping[str, Any], named: str = "a letter", answers: Mapping[str, str | Respond] | None = None, **kw: Any
) -> tuple[Sending, ...]:
    """A letter that is sent, one in a thread, and those that are refused."""
    dana, fed = ("dana@example.com",), answers or {}
    subject = "Ihr Angebot für März"
    same: dict[str, Any] = {"settings": settings, "answers": fed, **kw}
    return (
        Sending(named, dana, _TEXT, subject, **same),
        Sending(
            f"{named}, in a thread, to two",
            ("dana@example.com", "sam@example.org"),
            _TEXT,
            subject,
            sender="Jordan Example <jordan@example.com>",
            thread="first@mail.example.com",
            in_reply_to="last@mail.example.com",
            headers={"Auto-Submitted": "no"},
            **same,
        ),
        Sending(f"{named} to nobody", (), _TEXT, subject, refused=True, **same),
        Sending(f"{named} to a telephone", ("+15555550123",), _TEXT, subject, refused=True, **same),
        Sending(f"{named} to two in one", ("a@example.com, b@example.com",), _TEXT, subject, refused=True, **same),
        Sending(f"{named} with a line in its subject", dana, _TEXT, "Hi\r\nBcc: x@example.com", refused=True, **same),
        Sending(f"{named} without a subject", dana, _TEXT, None, refused=True, **same),
        Sending(f"{named} without a text", dana, " \n", subject, refused=True, **same),
        Sending(
            f"{named} with a hidden copy", dana, _TEXT, subject, headers={"Bcc": "x@example.com"}, refused=True, **same
        ),
    )
