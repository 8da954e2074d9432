"""The adapter: how one provider's requests are proved genuine and become events. No I/O anywhere in it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from seamline.call import Auth, Bearer, Calls, Sends
from seamline.delivery import Decision, Delivery, Item, Nudge, Request
from seamline.dispatch import ApprovedDispatch, NoticeDraft
from seamline.errors import ConfigError, PayloadError
from seamline.events.base import Event, Ref, reasons
from seamline.reply import Replies, Reply
from seamline.signature.base import Secrets, Signature

#: What an author writes; none of it is ever awaited.
_PLAIN = (
    *("challenge", "refuse", "delivery_key", "reply", "split", "fetch", "normalize", "poll"),
    *("subscribe", "sent", "status", "preflight", "send", "notice", "answer"),
)


@dataclass(frozen=True)
class Subscription:
    """A webhook subscription held at the provider; ``secret`` is one that the provider handed out."""

    id: str
    expires_at: datetime | None = None
    secret: str | None = field(default=None, repr=False)
    state: str = "active"


@dataclass(frozen=True)
class Sent:
    """One thing that the provider says it sent: its key, or a body to take in as a delivery."""

    key: str
    occurred_at: datetime | None = None
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Evidence:
    """What a provider says about the state of something (a pixel, a campaign, an invoice).

    ``status`` is the provider's own word. ``settled``: nothing of it runs or is owed any more.
    """

    ref: str
    status: str
    checked_at: datetime
    settled: bool = False


class NoSettings(BaseModel):
    """An adapter without settings: any key is an error."""

    model_config = ConfigDict(extra="forbid")


class Adapter(ABC):
    """One provider. Override ``normalize``, ``split`` for batches, and the rest where the provider is awkward.

    KeyError, IndexError, TypeError and ValueError in ``split`` and ``normalize`` are turned into PayloadError, so
    authors index plainly. An unknown event type yields nothing; it is stored and counted as ignored.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    signature: ClassVar[Signature | None]
    emits: ClassVar[tuple[type[Event], ...]]
    headers: ClassVar[tuple[str, ...]] = ()
    #: The only ones that are called. An adapter whose host depends on its settings sets it in ``__init__``.
    hosts: tuple[str, ...] = ()
    auth: ClassVar[Auth] = Bearer()
    optional_secrets: ClassVar[tuple[str, ...]] = ()
    replies: ClassVar[Replies] = Replies()
    polls: ClassVar[Mapping[str, timedelta]] = {}
    #: Trust of what this adapter takes in; "authenticated" where a secret is sent but does not cover the body. An
    #: adapter whose scheme depends on its settings sets it in ``__init__``.
    trust: Literal["signed", "authenticated", "relayed", "unverified"] = "signed"
    #: True where ``send`` is built: the adapter can be a channel, a way out for what a human has approved.
    sends: ClassVar[bool] = False
    #: True where a source must say in ``allow`` which events it may tell (relay, generic, cloudevents).
    needs_allow: ClassVar[bool] = False

    class Settings(NoSettings):
        """No settings."""

    def __init__(self, settings: BaseModel | Mapping[str, Any] | None = None) -> None:
        model: type[BaseModel] = self.Settings
        if isinstance(settings, model):
            self.settings: Any = settings
            return
        given = dict(settings or {})
        known = ", ".join(sorted(model.model_fields)) or "none"
        if "extra" not in model.model_config:
            # pydantic would pass over what it does not know: a misspelt setting would have no effect.
            names = {field.alias or name for name, field in model.model_fields.items()} | set(model.model_fields)
            if unknown := sorted(set(given) - names):
                raise ConfigError(f"settings of {self.name}: no setting is named {unknown[0]!r}; there are: {known}")
        try:
            self.settings = model.model_validate(given)
        except ValueError as error:
            raise ConfigError(f"settings of {self.name}: {reasons(error)}; there are: {known}") from None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if getattr(cls, "__abstractmethods__", None) or "normalize" not in dir(cls):
            return
        for attribute in ("name", "signature", "emits"):
            if not hasattr(cls, attribute):
                raise ConfigError(f"adapter {cls.__name__} lacks the class attribute {attribute!r}")
        # Whoever reads the declaration later would fail far from here.
        if isinstance(cls.signature, type):
            raise ConfigError(f"adapter {cls.__name__}: signature is a value, such as {cls.signature.__name__}(…)")
        if not (isinstance(cls.emits, tuple) and all(isinstance(e, type) and issubclass(e, Event) for e in cls.emits)):
            raise ConfigError(f"adapter {cls.__name__}: emits is a tuple of event types, such as (ProposalViewed,)")
        if not issubclass(cls.Settings, BaseModel):
            raise ConfigError(f"adapter {cls.__name__}: Settings is a pydantic model: class Settings(BaseModel)")
        for poll, every in cls.polls.items():
            if not isinstance(every, timedelta) or every <= timedelta(0):
                raise ConfigError(
                    f"adapter {cls.__name__}: poll {poll!r} runs every timedelta(minutes=5), not {every!r}"
                )
        for method in _PLAIN:
            if iscoroutinefunction(getattr(cls, method)) or isasyncgenfunction(getattr(cls, method)):
                raise ConfigError(f"adapter {cls.__name__}: {method}() is a plain def; what it asks for is yielded")
        cls.replies.check(cls.name)

    @property
    def scheme(self) -> Signature | None:
        """The signature scheme in force; an adapter whose scheme depends on its settings overrides this."""
        return self.signature

    # --- front door: pure, from request and settings -------------------------------------------------------------

    def challenge(self, request: Request, secrets: Secrets) -> Reply | None:
        """Answer an unsigned set-up request, before verification; None: not one."""
        return None

    def refuse(self, request: Request) -> str | None:
        """Say why a genuine request is not ours (topic, page, portal, team); None: it is ours."""
        return None

    def delivery_key(self, request: Request) -> str | None:
        """The provider's key of this request; None: the digest of its body."""
        return None

    def reply(self, request: Request) -> Reply:
        """The answer once the request is durable (signed handshakes)."""
        return self.replies.ok

    # --- worker: pure, from what is stored -----------------------------------------------------------------------

    def split(self, delivery: Delivery) -> Iterable[Item | Nudge]:
        """Cut a delivery into items; by default one item, the parsed body."""
        yield Item(key=delivery.key or sha256(delivery.body).hexdigest(), data=delivery.json())

    def fetch(self, item: Item) -> Calls[None]:
        """Ask for what a thin item lacks; the answers are stored with it. By default nothing."""
        return
        yield

    @abstractmethod
    def normalize(self, item: Item) -> Iterable[Event | Decision]:
        """Say what an item means. Pure: the same item gives the same events for ever."""

    # --- towards the world: generators of calls ------------------------------------------------------------------

    def poll(self, poll: str, scope: str, cursor: str | None) -> Calls[str]:
        """Read pages since ``cursor``; each answer is stored as a delivery. Returns the new cursor."""
        raise PayloadError(f"{self.name} has no poll {poll!r}")
        yield

    def subscribe(self, url: str, held: Subscription | None) -> Calls[Subscription]:
        """Create or renew the subscription at the provider."""
        raise PayloadError(f"{self.name} cannot subscribe by API")
        yield

    def sent(self, since: datetime) -> Calls[Iterable[Sent]]:
        """Say what the provider sent since then, for reconciling."""
        raise PayloadError(f"{self.name} cannot say what it sent")
        yield

    def status(self, ref: Ref) -> Calls[Evidence]:
        """Ask the provider for the state of something."""
        raise PayloadError(f"{self.name} cannot tell the status of {ref.kind}")
        yield

    def preflight(self, dispatch: ApprovedDispatch) -> str | None:
        """Say why this could not be sent (a recipient of another kind, a text too long); None: it could. Pure.

        Asked before a human's decision is committed: what a channel would refuse is never approved.
        """
        return None

    def send(self, dispatch: ApprovedDispatch) -> Sends[str]:
        """Send what was approved, to the letter. Returns the provider's id of the message. Channels only.

        One call writes; it carries ``dispatch.key`` where the provider knows idempotency keys.
        """
        raise PayloadError(f"{self.name} is no channel: it sends nothing")
        yield

    def notice(self, recipient: str, text: str, draft: NoticeDraft | None) -> Calls[str]:
        """Tell a colleague something; with ``draft``, show it and ask for a decision. Returns the message's id.

        An internal notice: it goes to people of the company only, never to a customer.
        """
        raise PayloadError(f"{self.name} tells colleagues nothing")
        yield

    def answer(self, answer_to: str, text: str) -> Calls[None]:
        """Tell whoever pressed a button what came of it; ``answer_to`` is their decision's."""
        raise PayloadError(f"{self.name} answers nobody")
        yield
