"""The envelope of the bus, version 1: what stands in an inbox file, and what is posted to a seat that lives elsewhere.

docs/bus.md is the protocol. Nothing here reads or writes a file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from seamline.errors import PayloadError
from seamline.events.base import When, reasons

#: Whom replies of a seat that lives elsewhere are for.
ENGINE = "seamline"
#: Most bytes of an envelope.
MOST_BYTES = 4 * 1024 * 1024
#: Most characters of a topic, and of the name of a message or a conversation.
LONGEST_WORD = 200

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

SeatId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_WORD)]
EnvelopeType = Literal["INFORM", "REQUEST", "RESPONSE", "PROPOSAL", "CHALLENGE"]


class Envelope(BaseModel):
    """One message. ``body`` says by ``schema`` what it is; ``content_sha256`` is over all the rest."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True)

    v: Literal[1] = 1
    id: Word
    type: EnvelopeType
    sender: SeatId = Field(alias="from")
    to: SeatId
    account: str | None = None
    topic: Annotated[str, StringConstraints(max_length=LONGEST_WORD)] = ""
    conversation: Word
    exchange: Annotated[int, Field(ge=1, le=3)] = 1
    in_reply_to: Word | None = None
    needs_response_by: When | None = None
    cause: tuple[str, ...] = ()
    body: dict[str, Any]
    created_at: When
    content_sha256: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not isinstance(self.body.get("schema"), str):
            raise ValueError("body.schema says what the body is, such as message.v1")
        if self.content_sha256 not in ("", self.digest()):
            raise ValueError("content_sha256 is not that of the content: the file was changed or cut")
        return self

    def digest(self) -> str:
        """SHA-256 over the RFC 8785 JSON of everything but the digest and what is null, as hexadecimal."""
        told = self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"content_sha256"})
        # Numbers in a body are whole or short decimals; of those this is RFC 8785.
        canonical = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()

    def to_json(self) -> bytes:
        """The envelope as a file holds it, with its digest."""
        told = self.model_dump(mode="json", by_alias=True, exclude_none=True) | {"content_sha256": self.digest()}
        return json.dumps(told, ensure_ascii=False, indent=1).encode()


def read_envelope(content: bytes, *, to: str | None = None) -> Envelope:
    """Read and check an envelope, and that it is for ``to``. Raises PayloadError, which names places, not values."""
    if len(content) > MOST_BYTES:
        raise PayloadError(f"an envelope has at most {MOST_BYTES} bytes")
    try:
        told = json.loads(content)
        envelope = Envelope.model_validate(told)
    except ValidationError as error:
        raise PayloadError(f"this is no envelope of version 1: {reasons(error)}") from None
    except (ValueError, RecursionError):
        raise PayloadError("this is no JSON") from None
    if not storable(told):
        raise PayloadError("it holds a NUL or half a character, which no store takes")
    if not envelope.content_sha256:
        raise PayloadError("content_sha256 is missing")
    if to is not None and envelope.to != to:
        raise PayloadError(f"this is for {envelope.to}, not for {to}")
    return envelope


def sender(from_seat: str) -> str:
    """How an envelope names whom a message is from: the ledger's ``engine`` is its ``seamline``."""
    return ENGINE if from_seat == "engine" else from_seat


def storable(told: Any) -> bool:
    """Whether every text in a JSON value can be stored: without NUL, and without half a character.

    What is no text, mapping or list holds none.
    """
    waiting = [told]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple):
            waiting += one
        elif isinstance(one, str) and _UNSTORABLE.search(one):
            return False
    return True


def plain(text: str) -> str:
    """A text as it can be stored, without what no store takes."""
    return _UNSTORABLE.sub("", text)


def ulid(moment: datetime, key: str) -> str:
    """The ULID of something that has a key: the same for the same key and time, and in the order of the times."""
    number = int(moment.timestamp() * 1000) << 80 | int.from_bytes(sha256(key.encode()).digest()[:10], "big")
    letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    return "".join(letters[number >> shift & 31] for shift in range(125, -1, -5))


__all__ = [
    "ENGINE",
    "LONGEST_WORD",
    "MOST_BYTES",
    "Envelope",
    "EnvelopeType",
    "SeatId",
    "plain",
    "read_envelope",
    "sender",
    "storable",
    "ulid",
]
