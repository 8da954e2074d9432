"""Mail that no person wrote just now: bounces, automatic answers, lists (RFC 3834 and common practice)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

#: What a mail is: written by a person, a report about mail of ours, an automatic answer, or sent to many.
Auto = Literal["none", "bounce", "out_of_office", "list"]

_REPORTS = re.compile(r"report-type\s*=\s*\"?(delivery-status|feedback-report)", re.IGNORECASE)
_RECEIPT = re.compile(r"report-type\s*=\s*\"?disposition-notification", re.IGNORECASE)
_COMMENT = re.compile(r"\([^()]{0,200}\)")
_ANSWERING = frozenset({"x-autoreply", "x-autorespond", "x-auto-reply", "x-autoresponder", "x-mail-autoreply"})
_SUPPRESS = frozenset({"all", "oof", "autoreply"})
_AUTO_SUBJECT = re.compile(
    r"\s*(automatic reply|auto(matic)?[- ]?(reply|response)|out of (the )?office|automatische antwort|abwesenheit"
    r"|réponse automatique|respuesta automática|risposta automatica|automatisch antwoord|autosvar|resposta automática)",
    re.IGNORECASE,
)


def classify(headers: Iterable[tuple[str, str]], sender: str | None = None) -> Auto:
    """Say what a mail is, from its headers (names in any case, decoded values) and its sender's address.

    ``auto-generated`` alone does not make an automatic answer: ticket systems and web forms set it too, and a lead from
    a web form is a lead. It counts as one where the mail answers something.
    """
    told: dict[str, str] = {}
    for name, value in headers:
        told.setdefault(name.lower(), value.strip())
    if _is_bounce(told, (sender or "").lower()):
        return "bounce"
    if _is_answer(told):
        return "out_of_office"
    precedence = told.get("precedence", "").lower()
    if "list-id" in told or "list-post" in told or precedence in ("bulk", "list", "junk"):
        return "list"
    if "list-unsubscribe" in told and not _refers(told):
        return "list"
    return "none"


def _refers(told: dict[str, str]) -> bool:
    return bool(told.get("in-reply-to") or told.get("references"))


def _is_bounce(told: dict[str, str], sender: str) -> bool:
    local = sender.rpartition("@")[0] or sender
    if _REPORTS.search(told.get("content-type", "")[:4096]) or "x-failed-recipients" in told:
        return True
    return local == "mailer-daemon" or (local == "postmaster" and told.get("return-path") == "<>")


def _is_answer(told: dict[str, str]) -> bool:
    submitted = _COMMENT.sub("", told.get("auto-submitted", "")[:1000]).partition(";")[0].strip().lower()
    if submitted == "auto-replied" or _RECEIPT.search(told.get("content-type", "")[:4096]):
        return True
    if told.get("precedence", "").lower() in ("auto_reply", "auto-reply"):
        return True
    if any(told.get(name, "no").lower() not in ("no", "") for name in _ANSWERING):
        return True
    suppressed = {word.strip().lower() for word in told.get("x-auto-response-suppress", "")[:1000].split(",")}
    automatic = submitted not in ("", "no") or bool(suppressed & _SUPPRESS)
    return automatic and (_refers(told) or _AUTO_SUBJECT.match(told.get("subject", "")[:200]) is not None)
