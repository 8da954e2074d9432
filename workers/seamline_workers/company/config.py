"""The configuration: seamline.toml as typed values, with the environment's overrides and every secret resolved.

Found by ``--config``, else ``SEAMLINE_CONFIG``, else ./seamline.toml. Relative paths start at its folder.
``SEAMLINE_STORE__URL=…`` overrides ``[store] url``; lists and tables are written as JSON there.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from seamline.errors import ConfigError
from seamline_workers.company.quantity import read_duration, read_size

#: Largest body that a source may allow.
MAX_BODY = 25 * 1024 * 1024
#: Least length of an API token's value.
TOKEN_LENGTH = 16
ROLES = ("viewer", "operator", "approver", "admin")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Size = Annotated[int, BeforeValidator(read_size)]
Duration = Annotated[timedelta, BeforeValidator(read_duration)]


def _between(least: str, most: str) -> AfterValidator:
    """Bounds of a duration."""
    low, high = read_duration(least), read_duration(most)

    def check(value: timedelta) -> timedelta:
        if not low <= value <= high:
            raise ValueError(f"must be from {least} to {most}")
        return value

    return AfterValidator(check)


def _resolve(value: object, info: ValidationInfo) -> str:
    """The secret that ``env:NAME``, ``file:PATH`` or ``literal:VALUE`` refers to. Raises ValueError."""
    kind, found, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not found or kind not in ("env", "file", "literal"):
        raise ValueError('write "env:NAME", "file:PATH" or "literal:VALUE"')
    context: Mapping[str, Any] = info.context or {}
    if kind == "env":
        secret = context["environ"].get(rest, "")
        missing = f"the environment variable {rest} is not set"
    elif kind == "file":
        path = context["folder"] / rest
        try:
            secret = path.read_text(encoding="utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ValueError(f"the file {path} cannot be read: {reason}") from None
        missing = f"the file {path} is empty"
    else:
        secret, missing = rest, "the secret is empty"
    if not secret.strip():
        raise ValueError(missing)
    return str(secret)


def _by_name(value: object, bare: str = "signing") -> object:
    """Secrets by name: a bare list means ``signing``; a table in a table joins their names."""
    if isinstance(value, (str, list, tuple)):
        value = {bare: value}
    if not isinstance(value, Mapping):
        raise ValueError("write a list of secrets, or a table of them by name")
    flat: dict[str, object] = {}
    for name, given in value.items():
        if isinstance(given, Mapping):
            flat |= {f"{name}.{inner}": one for inner, one in given.items()}
        else:
            flat[name] = given
    return {name: [given] if isinstance(given, str) else given for name, given in flat.items()}


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError('write a time zone of the IANA list, such as "America/Chicago"')
    return value


def _installed(value: str) -> str:
    names = sorted(entry.name for entry in entry_points(group="seamline.adapters"))
    if value not in names:
        raise ValueError(f"no adapter {value!r} is installed; there are: {', '.join(names)}")
    return value


AdapterName = Annotated[str, AfterValidator(_installed)]
Secret = Annotated[str, BeforeValidator(_resolve)]
SecretsByName = Annotated[dict[str, tuple[Secret, ...]], BeforeValidator(_by_name)]
#: A channel has nothing to verify: its bare list is what it sends with.
ChannelSecrets = Annotated[dict[str, tuple[Secret, ...]], BeforeValidator(partial(_by_name, bare="api"))]


@dataclass(frozen=True)
class Token:
    """Who may use the API: a human's name and role, and the value that proves it."""

    name: str
    role: str
    value: str = field(repr=False)


class Section(BaseModel):
    """A table of the configuration: its keys are those named here and no other."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Company(Section):
    name: str = "Company"
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    seats: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] | None = None
    event_prefix: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9.-]{0,63}$")] = "seamline"
    public_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$")] = "http://localhost:8000"
    domains: tuple[str, ...] = ()

    @field_validator("domains")
    @classmethod
    def _bare(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # "@northwind.example" would fit no address, and every colleague would be a customer.
        if not all(re.fullmatch(r"[^\s@/:]+", one) for one in value):
            raise ValueError('write domains as they stand after the @, such as ["northwind.example"]')
        return value


class StoreSection(Section):
    url: Annotated[str, StringConstraints(pattern=r"^(sqlite:///.+|postgres(ql)?://.*)$")] = Field(
        default="sqlite:///seamline.db", repr=False
    )


class Queue(Section):
    url: Annotated[str, StringConstraints(pattern=r"^(store:|rediss?://.+|amqps?://.+)$")] = Field(
        default="store:", repr=False
    )
    linger: Annotated[Duration, _between("0s", "1s")] = timedelta(0)


class Worker(Section):
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    threads: Annotated[int, Field(ge=3, le=256)] = 8
    time_limit: Annotated[Duration, _between("1s", "1d")] = timedelta(minutes=5)
    max_attempts: Annotated[int, Field(ge=1, le=1000)] = 12


class SourceSection(Section):
    adapter: AdapterName
    secrets: SecretsByName = Field(default_factory=dict, repr=False)
    trust: Literal["unverified"] | None = None
    max_body: Annotated[Size, Field(ge=1, le=MAX_BODY)] = 1024 * 1024
    live_from: AwareDatetime | None = None
    allow: tuple[str, ...] | None = None
    formerly: Name | None = None
    settings: dict[str, Any] = Field(default_factory=dict, repr=False)

    @field_validator("allow")
    @classmethod
    def _something(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and (not value or not all(value)):
            raise ValueError('list the event types that this source may tell, such as ["deal.*"]')
        return value


class ChannelSection(Section):
    """A way out. ``team``: recipients there that are our own; ``sender``: in whose name it always sends."""

    adapter: AdapterName
    secrets: ChannelSecrets = Field(default_factory=dict, repr=False)
    settings: dict[str, Any] = Field(default_factory=dict, repr=False)
    team: tuple[str, ...] = ()
    sender: str | None = None


class SeatOverride(Section):
    kind: Literal["agent", "human"] | None = None
    facing: Literal["customer_facing", "internal_operations"] | None = None
    assignee: str | None = None
    inbox: Annotated[str, StringConstraints(pattern=r"^dir:.+$")] | None = None
    endpoint: Annotated[str, StringConstraints(pattern=r"^https://[^\s/?#]+(/[^\s?#]*)?(\?[^\s#]*)?$")] | None = None
    secret: Secret | None = Field(default=None, repr=False)


class Bus(Section):
    folder: str = "bus"
    mirror: bool = True


class Person(Section):
    """Who a human is: ``name`` is what a customer reads."""

    name: str | None = None
    role: Literal["viewer", "operator", "approver", "admin"] = "viewer"
    slack: str | None = None
    email: str | None = None


class Retention(Section):
    bodies: Annotated[Duration, _between("1d", "36500d")] = timedelta(days=90)


class Approvals(Section):
    """Where texts that wait are shown with buttons. Without ``to`` each approver gets them."""

    channel: Name | None = None
    to: str | None = None


class Alerts(Section):
    """What colleagues are told, by a channel of the company's own. Without ``to`` all of the channel's team are."""

    channel: Name | None = None
    to: str | None = None
    on: tuple[Literal["dead", "quarantined", "silent", "overdue", "refused", "paused"], ...] = ()


class Api(Section):
    tokens: tuple[Token, ...] = Field(default=(), repr=False)
    metrics_public: bool = True

    @field_validator("tokens", mode="before")
    @classmethod
    def _read(cls, value: object, info: ValidationInfo) -> tuple[Token, ...]:
        if not isinstance(value, (list, tuple)):
            raise ValueError('write a list such as ["file:secrets/token"]')
        tokens = tuple(_token(_resolve(one, info)) for one in value)
        if len({token.value for token in tokens}) < len(tokens):
            raise ValueError("two tokens have the same value; one could not tell who acts")
        return tokens


def _token(text: str) -> Token:
    name, _, rest = text.strip().partition(":")
    role, _, value = rest.partition(":")
    if not name or role not in ROLES or len(value) < TOKEN_LENGTH:
        raise ValueError(
            f"a token is name:role:value; roles: {', '.join(ROLES)}; the value has {TOKEN_LENGTH} characters or more"
        )
    return Token(name, role, value)


class Config(Section):
    """The whole configuration. ``folder`` is where relative paths start."""

    company: Company = Company()
    store: StoreSection = StoreSection()
    queue: Queue = Queue()
    worker: Worker = Worker()
    sources: dict[Name, SourceSection] = Field(default_factory=dict)
    channels: dict[Name, ChannelSection] = Field(default_factory=dict)
    seats: dict[Name, SeatOverride] = Field(default_factory=dict)
    people: dict[Name, Person] = Field(default_factory=dict)
    bus: Bus = Bus()
    retention: Retention = Retention()
    approvals: Approvals = Approvals()
    alerts: Alerts = Alerts()
    api: Api = Api()

    _path: Path = PrivateAttr(default=Path("seamline.toml"))

    @property
    def path(self) -> Path:
        return self._path

    @property
    def folder(self) -> Path:
        return self._path.parent


def load_config(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """Read and check a configuration. Raises ConfigError, which names every key that is wrong."""
    environ = os.environ if environ is None else environ
    found = Path(path or environ.get("SEAMLINE_CONFIG") or "seamline.toml").absolute()
    try:
        tree = tomllib.loads(found.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration {found}; write one with: seamline init DIR") from None
    except OSError as error:
        raise ConfigError(f"the configuration {found} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration {found} is not TOML: {error}") from None
    given = _override(tree, environ)
    try:
        config = Config.model_validate(tree, context={"folder": found.parent, "environ": environ})
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(one, given) for one in error.errors(include_input=False))) from None
    config._path = found
    return config


def _override(tree: dict[str, Any], environ: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Lay the environment's values over the file's; returns the variable that gave each key."""
    given: dict[tuple[str, ...], str] = {}
    for variable in sorted(environ):
        if not variable.startswith("SEAMLINE_") or "__" not in variable:
            continue
        keys = tuple(variable.removeprefix("SEAMLINE_").lower().split("__"))
        node = tree
        for key in keys[:-1]:
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                raise ConfigError(f"{'.'.join(keys)}: {variable} goes below {key!r}, which is not a table")
        node[keys[-1]] = _value(variable, environ[variable])
        given[keys] = variable
    return given


def _value(variable: str, text: str) -> object:
    if not text.lstrip().startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise ConfigError(f"{variable} is not JSON; write lists and tables as JSON") from None


#: What is written where a pattern alone would not say it.
_SUCH: dict[tuple[str, ...], str] = {
    ("company", "seats"): 'module:attribute, such as "company.seats:roster"',
    ("company", "public_url"): 'the address that providers call, such as "https://hooks.example.com"',
    ("store", "url"): '"sqlite:///FILE" or "postgresql://user@host/db"',
    ("queue", "url"): '"store:", "redis://host:6379/0" or "amqp://host:5672"',
}


def _explain(error: Any, given: Mapping[tuple[str, ...], str]) -> str:
    """One line about one error: the key, what is wrong, what is allowed. Never the value: it may be a secret."""
    location = tuple(str(step) for step in error["loc"] if step != "[key]")
    kind, message = error["type"], error["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        message = f"there is no such key; allowed are: {', '.join(_allowed(location[:-1]))}"
    elif kind == "missing":
        message = "this key is required"
    elif kind == "string_pattern_mismatch" and (such := _SUCH.get(location)):
        message = f"write {such}"
    elif kind == "string_pattern_mismatch":
        message = f"must match {error['ctx']['pattern']}"
    elif kind == "timezone_aware":
        message = 'write a time with its offset, such as "2026-11-22T00:00:00Z"'
    elif kind == "tuple_type":
        message = 'write a list, such as ["one", "two"]'
    elif kind in ("model_type", "model_attributes_type", "dict_type"):
        message = "must be a table"
    variable = next((name for keys, name in given.items() if keys[: len(location)] == location[: len(keys)]), None)
    return f"{'.'.join(location)}: {message}" + (f" (from the environment variable {variable})" if variable else "")


def _allowed(location: tuple[str, ...]) -> list[str]:
    """The keys of the table at a place."""
    sections: dict[str, type[Section]] = {
        "company": Company,
        "store": StoreSection,
        "queue": Queue,
        "worker": Worker,
        "sources": SourceSection,
        "channels": ChannelSection,
        "seats": SeatOverride,
        "people": Person,
        "bus": Bus,
        "retention": Retention,
        "approvals": Approvals,
        "alerts": Alerts,
        "api": Api,
    }
    return list((sections[location[0]] if location else Config).model_fields)


def live_from_us(value: datetime) -> int:
    """Microseconds since 1970 of an aware time."""
    return int(value.timestamp() * 1_000_000)
