"""Sendings of SMTP: it is a channel and nothing else, so that there are no stories."""

from __future__ import annotations

from pathlib import Path

from seamline import Attachment
from seamline.testing import Suite
from seamline_adapters.smtp import Smtp
from seamline_adapters.stories.letter import letters

_HERE = {"host": "smtp.example.com", "sender": "Example Agency <hello@example.com>"}

stories = Suite(
    Smtp,
    Path(__file__).parent.parent / "samples" / "smtp",
    secrets={"api": ["mailer:example-password"]},
    sendings=(
        *letters(_HERE),
        *letters({**_HERE, "tls": "starttls", "login": False}, "by starttls, without a login"),
        *letters(_HERE, "with a file", attachments=(Attachment("Offer.pdf", "application/pdf", b"%PDF-1.7"),)),
    ),
)
