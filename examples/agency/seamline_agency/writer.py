"""The writer: who puts a draft into words. The templates by default; a better one is a setting.

What it writes is a proposal to the human who reads it first, never more than that.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple, Protocol, runtime_checkable

from seamline.errors import ConfigError, NeedsHuman, RetryLater
from seamline_agency.settings import PREFIX, settings
from seamline_agency.template import OPENINGS, TEMPLATES


class Text(NamedTuple):
    """A draft's words; ``subject`` is empty where the channel has none."""

    subject: str
    body: str


@runtime_checkable
class Writer(Protocol):
    """Writes texts of a kind (the keys of ``seamline_agency.template.TEMPLATES``) from facts.

    ``facts`` are text by name: ``name``, ``company``, ``stage``, and those of the kind. What is not known is not there.
    A real one may ask a model; it raises RetryLater where that is away.
    """

    def write(self, kind: str, facts: Mapping[str, Any]) -> Text: ...


class TemplateWriter:
    """Fills in templates. A paragraph that speaks of something unknown is left out."""

    def write(self, kind: str, facts: Mapping[str, Any]) -> Text:
        template = TEMPLATES[kind]
        known = {name: value for name, value in facts.items() if value not in (None, "")}
        greeting = _filled(template.greeting, known) or "Hello,"
        opening = OPENINGS.get(facts.get("stage") or "", "")
        paragraphs = [greeting, opening, *(_filled(part, known) for part in template.paragraphs), "Kind regards"]
        subjects = (_filled(subject, known) for subject in template.subjects)
        return Text(next(filter(None, subjects), ""), "\n\n".join(filter(None, paragraphs)))


def compose(kind: str, **facts: Any) -> Text:
    """Write a text with the company's writer. Raises RetryLater where the writer fails."""
    writer = _writer(settings().writer)
    try:
        text = writer.write(kind, facts)
    except (RetryLater, NeedsHuman):
        raise
    except Exception as error:
        raise RetryLater(f"the writer could not write {kind}: {type(error).__name__}") from error
    if not text.body.strip():
        raise RetryLater(f"the writer wrote nothing for {kind}")
    return text


@cache
def _writer(named: str) -> Writer:
    """The writer that the setting names. Raises ConfigError."""
    if not named:
        return TemplateWriter()
    module, _, attribute = named.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError):
        raise ConfigError(f"{PREFIX}WRITER={named}: no such writer; write it as module:attribute") from None
    writer = found() if isinstance(found, type) else found
    if not isinstance(writer, Writer):
        raise ConfigError(f"{PREFIX}WRITER={named} has no method write(kind, facts)")
    return writer


def _filled(paragraph: str, known: Mapping[str, Any]) -> str:
    try:
        return paragraph.format_map(known)
    except KeyError:
        return ""
