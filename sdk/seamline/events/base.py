"""The base of the catalogue: events, parties, references, and how an event is read back."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha1
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeVar, get_args
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr
from pydantic.fields import FieldInfo

from seamline.errors import ConfigError, PayloadError

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]{0,59}")
_NUMBER = re.compile(r"[+-]?[\d_.]+")

#: Marks a field whose value is personal: redacted in lists, erased field by field (``x-personal`` in the schema).
Personal = Annotated[T, Field(json_schema_extra={"x-personal": True})]

Stage = Literal["awareness", "inquiry", "proposal", "onboarding", "delivery", "retention", "expansion", "exit"]
STAGES: tuple[Stage, ...] = (
    "awareness", "inquiry", "proposal", "onboarding", "delivery", "retention", "expansion", "exit",
)  # fmt: skip

#: Who may make an event: a *fact* comes from sources and humans, a *judgement* from the seat that owns the type,
#: *control* from the engine only.
Nature = Literal["fact", "judgement", "control"]

Trust = Literal["signed", "authenticated", "polled", "relayed", "unverified", "seat", "human"]

_NAMESPACE_HASH = sha1(uuid5(NAMESPACE_URL, "urn:seamline:event").bytes, usedforsecurity=False)


def event_id(source: str, event_type: str, key: str) -> UUID:
    """The id of an event: the same source, type and key give the same id for ever.

    ``source`` is the stable id of a source (not its name) or ``/seats/<seat>``; ``key`` is the event's ``fact``,
    or its item's key followed by its ``part``.
    """
    # uuid5 with the hash of the namespace taken once: every event of every delivery passes here.
    digest = _NAMESPACE_HASH.copy()
    digest.update(f"{source}\n{event_type}\n{key}".encode())
    return UUID(bytes=digest.digest()[:16], version=5)


def _clean_email(value: str) -> str:
    address = value.strip()
    local, at, domain = address.rpartition("@")
    if (
        not at
        or not local
        or not domain
        or len(address) > 320
        or " " in address  # the one white space that counts as printable
        or not address.isprintable()
    ):
        raise ValueError("not an e-mail address")
    return f"{local}@{domain.lower()}"


def _clean_phone(value: str) -> str:
    digits = "".join(c for c in value if c in "0123456789")
    plus = value.strip().startswith(("+", "00"))
    if value.strip().startswith("00"):
        digits = digits[2:]
    if not 3 <= len(digits) <= 15:
        raise ValueError("not a phone number")
    return ("+" if plus else "") + digits


def _not_a_number(value: Any) -> Any:
    # Pydantic would tell seconds from milliseconds by size; a time whose unit is guessed is worse than none.
    # The same number in a text is no better: "20261122" would be a day in 1970.
    if isinstance(value, (int, float)) or (isinstance(value, str) and _NUMBER.fullmatch(value.strip())):
        raise ValueError("a time must be text or a datetime; make it with seamline.unix_s or seamline.unix_ms")
    return value


def _utc(value: datetime) -> datetime:
    # One instant, one spelling: what is stored, hashed and compared does not depend on the sender's time zone.
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time is out of range") from None


Email = Annotated[str, AfterValidator(_clean_email)]
#: E.164 where the country is told (+…); without it only digits, which never identify anybody.
Phone = Annotated[str, AfterValidator(_clean_phone)]
When = Annotated[AwareDatetime, BeforeValidator(_not_a_number), AfterValidator(_utc)]
#: Money in minor units (cents), never a fraction.
Minor = Annotated[int, Field(strict=True)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$", description="ISO 4217")]


class Hidden:
    """What a representation shows in place of a personal value."""

    def __repr__(self) -> str:
        return "…"


def is_personal(field: FieldInfo) -> bool:
    """Whether a model's field is marked ``Personal[...]``."""
    extra = field.json_schema_extra
    return isinstance(extra, dict) and extra.get("x-personal") is True


class Model(BaseModel):
    """A frozen value of the catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        # Events stand in logs and tracebacks; personal values and defaults do not.
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value != field.get_default(call_default_factory=True, validated_data={}):
                yield name, Hidden() if is_personal(field) else value


class Ref(Model):
    """A provider's own id of a person, an account or an engagement.

    Only refs of a person join persons. ``realm`` is the provider's tenant (portal, workspace, page), so that two
    sources of one portal meet. ``provider`` is filled in by the engine with the adapter's name.
    """

    of: Literal["person", "account", "engagement"]
    kind: str
    id: Annotated[str, Field(min_length=1, max_length=300)]
    realm: str = ""
    provider: str = ""


class Party(Model):
    """Whom an event is about, as far as the provider told; all fields are optional."""

    name: Personal[str | None] = None
    email: Personal[Email | None] = None
    email_verified: bool = False
    phone: Personal[Phone | None] = None
    company: str | None = None
    domain: str | None = None
    refs: tuple[Ref, ...] = ()


class Envelope(Model):
    """What the engine knows about an event. Times are aware; ``sequence`` is its place in the ledger."""

    id: UUID
    source: str
    sequence: int
    account: str
    stage: Stage | None
    time: datetime
    timebasis: Literal["provider", "received"]
    received_at: datetime
    trust: Trust
    delivery: str | None = None
    causation: UUID | None = None
    correlation: UUID | None = None
    hops: int = 0
    adapter_version: int | None = None
    supersedes: UUID | None = None
    traceparent: str | None = None


class Event(Model):
    """One canonical lifecycle event. Immutable.

    Declared by ``class DealWon(Event, type="deal.won", stage="proposal", version=1)``. ``part`` tells events of
    one type from one item apart (a recipient); ``fact`` is set where several deliveries tell one fact.
    """

    event_type: ClassVar[str] = ""
    event_stage: ClassVar[Stage | None] = None
    event_version: ClassVar[int] = 1
    nature: ClassVar[Nature] = "fact"

    party: Party = Party()
    others: tuple[Party, ...] = ()
    occurred_at: When | None = None
    part: str = ""
    fact: str | None = None

    # A slot: a private attribute of pydantic's costs every validation a call into Python.
    __slots__ = ("_envelope",)
    if TYPE_CHECKING:
        # Private, else type checkers take it for an argument of every event.
        _envelope: Envelope | Callable[[], Envelope] | None = PrivateAttr(default=None)

    def __init_subclass__(
        cls, *, type: str = "", stage: Stage | None = None, version: int = 1, nature: Nature = "fact", **kwargs: Any
    ) -> None:
        super().__init_subclass__(**kwargs)

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        type: str = "",
        stage: Stage | None = None,
        version: int = 1,
        nature: Nature = "fact",
        **kwargs: Any,
    ) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if not type:
            return
        _demand_words(cls.__qualname__, type, stage, nature)
        known = _REGISTRY.get((type, version))
        if known is not None and known.__qualname__ != cls.__qualname__:
            raise ConfigError(
                f"event type {type} v{version} is declared twice: {known.__qualname__} and {cls.__qualname__}"
            )
        cls.event_type, cls.event_stage, cls.event_version, cls.nature = type, stage, version, nature
        _REGISTRY[type, version] = cls
        _NEWEST[type] = max(version, _NEWEST.get(type, 0))

    @property
    def envelope(self) -> Envelope:
        """What the engine knows about it. Raises LookupError before the event is in the ledger."""
        placed = getattr(self, "_envelope", None)
        if placed is None:
            raise LookupError("this event is not in the ledger yet")
        if not isinstance(placed, Envelope):
            placed = self._envelope = placed()
        return placed

    def __copy__(self) -> Self:
        return self._keep_place(super().__copy__())

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return self._keep_place(super().__deepcopy__(memo))

    def _keep_place(self, copied: Self) -> Self:
        copied._envelope = getattr(self, "_envelope", None)
        return copied

    @property
    def id(self) -> UUID:
        return self.envelope.id

    def with_envelope(self, envelope: Envelope | Callable[[], Envelope]) -> Event:
        """The same event, placed in the ledger (for the engine and for tests).

        A function is called when the envelope is first asked for: most handlers never do.
        """
        placed = self.model_copy()
        placed._envelope = envelope
        return placed

    @staticmethod
    def load(type: str, version: int, data: Mapping[str, Any]) -> Event:
        """Read a stored event back, through the upcasters to the newest version. Raises PayloadError."""
        newest = _NEWEST.get(type, 0)
        if version == newest:
            with contextlib.suppress(ValueError):
                return _REGISTRY[type, version].model_validate(data)
        fields = dict(data)
        while version < newest:
            lift = _UPCASTERS.get((type, version))
            if lift is None:
                raise PayloadError(f"no upcaster from {type} v{version}")
            fields, version = lift(fields), version + 1
        model = _REGISTRY.get((type, version))
        if model is None:
            raise PayloadError(f"unknown event type {type} v{version}")
        # A newer process may have written fields that this one does not know yet (rolling upgrade).
        known = model.model_fields
        try:
            return model.model_validate({name: value for name, value in fields.items() if name in known})
        except ValueError as error:
            raise PayloadError(f"{type} v{version} does not fit its model: {reasons(error)}") from None


#: An event's type: two words or more, as the filters of lists and `owns` take them.
_TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")


def _demand_words(name: str, event_type: str, stage: str | None, nature: str) -> None:
    """Raise ConfigError where an event is declared by words that nothing knows: it would be handed to nobody."""
    if not _TYPE.fullmatch(event_type) or len(event_type) > 100:
        raise ConfigError(f"event {name}: a type is words with dots, such as complaint.made, not {event_type[:100]!r}")
    if stage is not None and stage not in STAGES:
        raise ConfigError(f"event {name}: there is no stage {stage!r}; there are: {', '.join(STAGES)}")
    if nature not in get_args(Nature):
        raise ConfigError(f"event {name}: nature is one of {', '.join(get_args(Nature))}, not {nature!r}")


_REGISTRY: dict[tuple[str, int], type[Event]] = {}
_NEWEST: dict[str, int] = {}
_Lift = Callable[[dict[str, Any]], dict[str, Any]]
_UPCASTERS: dict[tuple[str, int], _Lift] = {}


def upcast(type: str, version: int) -> Callable[[_Lift], _Lift]:
    """Register how data of ``type`` at ``version`` becomes data of the next version."""

    def register(lift: _Lift) -> _Lift:
        _UPCASTERS[type, version] = lift
        return lift

    return register


def catalogue() -> dict[str, type[Event]]:
    """Every known event type at its newest version, by type."""
    return {name: _REGISTRY[name, version] for name, version in sorted(_NEWEST.items())}


def model_of(type: str, version: int) -> type[Event] | None:
    """The model of a type at one version; None: this process does not know it."""
    return _REGISTRY.get((type, version))


def versions() -> dict[tuple[str, int], type[Event]]:
    """Every declared version of every event type, by type and version."""
    return dict(sorted(_REGISTRY.items()))


def reasons(error: ValueError) -> str:
    """A validation error in words: places and rules, never values (they may be personal)."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return "a value does not fit"
    found = [f"{_place(e['loc'])}: {e['msg']}" for e in errors(include_input=False, include_url=False)[:5]]
    return "; ".join(found)


def _place(steps: tuple[int | str, ...]) -> str:
    """Where an error is; a name that the sender chose is as personal as a value, so only what looks like a field."""
    return ".".join(str(step) if isinstance(step, int) or _NAME.fullmatch(step) else "…" for step in steps[:10])
