"""Mail that no person wrote just now."""

from __future__ import annotations

import pytest

from seamline.mail import classify


@pytest.mark.parametrize(
    ("headers", "auto"),
    [
        ({}, "none"),
        ({"Auto-Submitted": "no"}, "none"),
        ({"Auto-Submitted": "auto-replied"}, "out_of_office"),
        ({"auto-submitted": "Auto-Replied (vacation); owner=x"}, "out_of_office"),
        ({"Auto-Submitted": "auto-generated", "In-Reply-To": "<a@b>"}, "out_of_office"),
        ({"Auto-Submitted": "auto-generated", "Subject": "Automatic reply: Offer"}, "out_of_office"),
        ({"Auto-Submitted": "auto-generated", "Subject": "New request from your web form"}, "none"),
        ({"X-Auto-Response-Suppress": "DR, OOF, AutoReply", "References": "<a@b>"}, "out_of_office"),
        ({"X-Auto-Response-Suppress": "DR, RN", "References": "<a@b>"}, "none"),
        ({"X-Autoreply": "yes"}, "out_of_office"),
        ({"X-Autoreply": "no"}, "none"),
        ({"Precedence": "auto_reply"}, "out_of_office"),
        ({"Content-Type": "multipart/report; report-type=disposition-notification"}, "out_of_office"),
        ({"Precedence": "bulk"}, "list"),
        ({"List-Id": "<news.example.com>"}, "list"),
        ({"List-Id": "<news.example.com>", "Auto-Submitted": "auto-generated"}, "list"),
        ({"List-Unsubscribe": "<mailto:x@example.com>"}, "list"),
        ({"List-Unsubscribe": "<mailto:x@example.com>", "In-Reply-To": "<a@b>"}, "none"),
        ({"Content-Type": 'multipart/report; report-type="delivery-status"'}, "bounce"),
        ({"Content-Type": "multipart/report;\n report-type=feedback-report"}, "bounce"),
        ({"X-Failed-Recipients": "jo@example.com"}, "bounce"),
    ],
)
def test_headers_tell_what_a_mail_is(headers: dict[str, str], auto: str) -> None:
    assert classify(headers.items()) == auto


@pytest.mark.parametrize(
    ("sender", "headers", "auto"),
    [
        ("MAILER-DAEMON@mx.example.com", {"Auto-Submitted": "auto-replied"}, "bounce"),
        ("mailer-daemon", {}, "bounce"),
        ("postmaster@example.com", {"Return-Path": "<>"}, "bounce"),
        ("postmaster@example.com", {}, "none"),
        ("jo@example.com", {"Return-Path": "<>"}, "none"),
    ],
)
def test_a_mailers_own_address_tells_a_bounce(sender: str, headers: dict[str, str], auto: str) -> None:
    assert classify(headers.items(), sender) == auto


def test_of_a_header_that_is_repeated_the_first_counts() -> None:
    # Whatever stands below was written by the sender; the first by the last server that handled it.
    assert classify([("Auto-Submitted", "no"), ("Auto-Submitted", "auto-replied")]) == "none"
