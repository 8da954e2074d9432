"""Values as providers tell them. What a person typed is taken if it can be used; an id or a time must be right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from seamline.call import Answer
from seamline.errors import PayloadError, RetryLater
from seamline.events.base import Email, Party, Phone, Ref
from seamline.mail import moment as date

#: Largest amount that is taken for one: what 64 bits hold.
MAX_MINOR = 2**63 - 1

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)

_EMAIL: TypeAdapter[str] = TypeAdapter(Email)
_PHONE: TypeAdapter[str] = TypeAdapter(Phone)

#: ISO 4217 currencies whose minor unit is not a hundredth.
_WHOLE = (
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "UYI",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
)
_THOUSANDTHS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_DECIMALS = {**dict.fromkeys(_WHOLE, 0), **dict.fromkeys(_THOUSANDTHS, 3)}


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


#: A setting that is an id: a number in TOML is as good as its text.
NumberOrText = BeforeValidator(_as_text)


def text(value: Any) -> str | None:
    """The text of a value; None for what is empty or no text."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value).strip() or None


def ident(value: Any, field: str) -> str:
    """A provider's id as text, whether it came as a number or not. Raises PayloadError."""
    found = text(value)
    if found is None or len(found) > 300:
        raise PayloadError(f"{field} is not an id")
    return found


def moment(value: Any, field: str) -> datetime:
    """A time in UTC from RFC 3339 text with an offset. Raises PayloadError."""
    try:
        when = datetime.fromisoformat(value)
        if when.tzinfo is None:
            raise PayloadError(f"{field} is a time without an offset")
        return when.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise PayloadError(f"{field} is not a time") from None


def written_at(answer: Answer, provider: str) -> datetime:
    """When a provider wrote an answer, in UTC. Raises RetryLater where it does not say: RFC 9110 demands a Date."""
    at = date(answer.headers.get("date", ""))
    if at is None:
        raise RetryLater(f"{provider}'s answer has no Date: is there a proxy that takes it away?")
    return at


def plausible(times: Iterable[datetime], answer: Answer) -> list[datetime]:
    """The times that may be a cursor: none before 2000, and none a day after the answer was written, if it says when.

    One entry of the year 9999 would else be the newest for ever, and whatever comes after it would never be read.
    """
    written = date(answer.headers.get("date", ""))
    last = datetime.max.replace(tzinfo=UTC) if written is None else written + timedelta(days=1)
    return [one for one in times if _EARLIEST <= one <= last]


def email(value: Any) -> str | None:
    """An e-mail address; None for what is none."""
    return _usable(_EMAIL, value)


def phone(value: Any) -> str | None:
    """A phone number; None for what is none."""
    return _usable(_PHONE, value)


def party(
    *,
    name: Any = None,
    address: Any = None,
    number: Any = None,
    company: Any = None,
    refs: Iterable[Ref] = (),
) -> Party:
    """Somebody as far as they can be known: an unusable address or number is left out, not refused."""
    return Party(name=text(name), email=email(address), phone=phone(number), company=text(company), refs=tuple(refs))


def full_name(first: Any, last: Any) -> str | None:
    """Two parts of a name as one."""
    return " ".join(part for part in (text(first), text(last)) if part) or None


def minor(value: Any, currency: str) -> int:
    """An amount in minor units, from a number or its text. Raises PayloadError."""
    if isinstance(value, bool):
        raise PayloadError("the amount is not a number")
    try:
        amount = Decimal(text(value) or repr(float(value))).scaleb(_DECIMALS.get(currency, 2))
        whole = int(amount.quantize(Decimal(1), ROUND_HALF_UP))
    except (ArithmeticError, TypeError, ValueError):
        raise PayloadError("the amount is not a number") from None
    if abs(whole) > MAX_MINOR:
        raise PayloadError("the amount is out of range")
    return whole


def listed(value: Any, field: str) -> list[Any]:
    """A list. Raises PayloadError."""
    if not isinstance(value, list):
        raise PayloadError(f"{field} is not a list")
    return value


def mapping(value: Any, field: str) -> Mapping[str, Any]:
    """An object; empty where there is none. Raises PayloadError."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PayloadError(f"{field} is not an object")
    return value


def at(value: Any, path: str) -> Any:
    """What stands at a dotted path of keys; None where nothing does."""
    for step in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def _usable(adapter: TypeAdapter[str], value: Any) -> str | None:
    found = text(value)
    try:
        return None if found is None else adapter.validate_python(found)
    except ValidationError:
        return None
