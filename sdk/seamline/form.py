"""Form bodies: urlencoded and multipart."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

from seamline.errors import PayloadError

#: Most fields that a form may have.
MAX_FIELDS = 1000


@dataclass(frozen=True)
class Form:
    """Fields in the order sent; ``raw`` keeps the bytes of multipart parts."""

    fields: tuple[tuple[str, str], ...] = field(repr=False)
    parts: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)

    def __getitem__(self, name: str) -> str:
        """The first value of a field. Raises KeyError."""
        for key, value in self.fields:
            if key == name:
                return value
        raise KeyError(name)

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.fields if key == name), None)

    def last(self, name: str) -> str | None:
        """The last value of a field: what a sender appended after names that others could choose."""
        return next((value for key, value in reversed(self.fields) if key == name), None)

    def raw(self, name: str) -> bytes | None:
        """The bytes of the first part of this name (files, mail in another charset)."""
        return next((value for key, value in self.parts if key == name), None)


def parse_form(body: bytes, content_type: str) -> Form:
    """Read a form body. Raises PayloadError."""
    if content_type.split(";", 1)[0].strip().lower() == "multipart/form-data":
        return _parse_multipart(body, content_type)
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError:
        raise PayloadError("the form is not UTF-8") from None
    except ValueError:
        raise PayloadError(f"the form has more than {MAX_FIELDS} fields") from None
    return Form(tuple(pairs), tuple((name, value.encode()) for name, value in pairs))


def _parse_multipart(body: bytes, content_type: str) -> Form:
    if "\r" in content_type or "\n" in content_type or "boundary=" not in content_type:
        raise PayloadError("the multipart form names no boundary")
    head = f"Content-Type: {content_type}\r\nMIME-Version: 1.0\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    if not message.is_multipart():
        raise PayloadError("the multipart form has no parts")
    parts: list[tuple[str, bytes]] = []
    fields: list[tuple[str, str]] = []
    for part in message.iter_parts():
        if len(parts) == MAX_FIELDS:
            raise PayloadError(f"the form has more than {MAX_FIELDS} fields")
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            raise PayloadError("a part of the multipart form has no name")
        parts.append((name, content))
        if part.get_filename() is None:
            fields.append((name, content.decode("utf-8", "replace")))
    return Form(tuple(fields), tuple(parts))
