"""Proposify: proposals, told by a webhook of our own contract (a relay, or a native hook) and by its activity API.

Documented (Proposify Public API Documentation, public.3.basecamp.com/p/osiCA2rUc9iYYnoE5Zk8x6Fh): the host
``api.proposify.com``, ``GET /api/activity``, 50 results a page by ``offset``, more pages told by the response header
``Proposify-Has-More-Results``, RFC 3339 times with an offset, OAuth 2.0 access tokens.

Not documented in public: native webhooks, their body, signature and retries, and the fields of an activity. **The
webhook's body is therefore our own contract**, for whoever can post it (Zapier, Make, Proposify itself if your plan has
such a hook), and the places of an activity's fields are settings. Neither claims to be Proposify's format.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from seamline import (
    Adapter,
    Answer,
    Call,
    Calls,
    Delivery,
    Event,
    Item,
    NeedsHuman,
    Nudge,
    PayloadError,
    Replies,
    content_key,
)
from seamline.events import (
    ContractSigned,
    ProposalAccepted,
    ProposalCommented,
    ProposalCreated,
    ProposalDeclined,
    ProposalExpired,
    ProposalSent,
    ProposalViewed,
)
from seamline.signature import Header, Hmac, SharedToken, Signature
from seamline_adapters import told
from seamline_adapters.proposify.entry import ACTIVITY, WEBHOOK, Entry, Kind

API = "https://api.proposify.com/api/activity"

#: The name of the secret with the access token.
ACCESS = "api"

#: Results a page, as documented.
PAGE = 50

#: A poll that reads more pages than this is taken to be endless.
MAX_PAGES = 2_000

#: What is read again at each poll: an entry may appear later than its own time. Known entries are dropped by key.
OVERLAP = timedelta(hours=1)

HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$")]
CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class ProposifySettings(BaseModel):
    """How a request proves itself, and how the undocumented activity is read.

    ``proof``: ``token`` is a secret in a header (relays can send one), ``hmac`` a signature over the raw body.
    ``words`` maps further event words to ours. ``activity_fields`` says where an activity's parts stand, as dotted
    paths; ``activity_list`` where a page's list stands.
    """

    model_config = ConfigDict(extra="forbid")

    proof: Literal["token", "hmac"] = "token"
    header: HeaderName | None = None
    prefix: str = ""
    digest: Literal["sha256", "sha1", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    signature_is_contract: bool = False
    currency: CurrencyCode | None = None
    words: dict[str, Kind] = Field(default_factory=dict)
    activity_fields: dict[str, str] = Field(default_factory=dict)
    activity_list: str = ""
    activity_order: Literal["newest_first", "oldest_first"] = "newest_first"

    @field_validator("activity_fields")
    @classmethod
    def _known(cls, value: dict[str, str]) -> dict[str, str]:
        unknown = sorted(set(value) - set(ACTIVITY))
        if unknown:
            raise ValueError(f"no such field: {', '.join(unknown)}; known are {', '.join(ACTIVITY)}")
        return value


class Proposify(Adapter):
    """Proposals created, sent, viewed, commented, signed, won, lost and expired.

    A signature, "accepted" and "won" all mean that the customer accepted: ``proposal.accepted``. None of them is
    ``deal.won``, on which onboarding hangs: that is for the CRM to say. "lost" and "declined" are
    ``proposal.declined``, "expired" is ``proposal.expired``; both lead back to inquiry. Only with the setting
    ``signature_is_contract`` is a signature also ``contract.signed``; a proposal that somebody set to "won" never is.

    The same fact gives the same event from webhook and poll: it is known by its meaning, proposal and second.
    """

    name = "proposify"
    signature = SharedToken(Header("X-Proposify-Token"))
    emits = (
        ProposalCreated,
        ProposalSent,
        ProposalViewed,
        ProposalCommented,
        ProposalAccepted,
        ProposalDeclined,
        ProposalExpired,
        ContractSigned,
    )
    hosts = ("api.proposify.com",)
    optional_secrets = ("api",)
    polls: ClassVar[Mapping[str, timedelta]] = {"activity": timedelta(minutes=5)}
    replies = Replies(attempts="not documented; a relay (Zapier, Make) repeats a failed run by its own settings")

    class Settings(ProposifySettings):
        """Settings of a Proposify source."""

    def __init__(self, settings: BaseModel | Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self._scheme = _scheme(self.settings)
        # A token does not cover the body; only an HMAC makes it signed.
        self.trust = "signed" if self.settings.proof == "hmac" else "authenticated"

    @property
    def scheme(self) -> Signature:
        return self._scheme

    def split(self, delivery: Delivery) -> Iterator[Item | Nudge]:
        """One item an entry: of the body (an object or a list of them), or of a page of the activity."""
        body = delivery.json()
        kind = "webhook" if delivery.poll is None else "activity"
        for entry in self._listed(body) if kind == "activity" else _several(body):
            yield Item(self._key(entry, kind) or f"other:{content_key(entry)}", entry, kind)

    def normalize(self, item: Item) -> Iterator[Event]:
        entry = self._read(item.data, item.kind)
        if entry is None:
            return
        yield _event(entry)
        if entry.kind == "signed" and self.settings.signature_is_contract:
            yield _contract(entry)

    def poll(self, poll: str, scope: str, cursor: str | None) -> Calls[str]:
        """Read the activity back to what is known. The cursor is JSON: the newest time seen, and where to go on."""
        if poll != "activity":
            raise PayloadError("Proposify has one poll, 'activity'")
        known, newest_first = _Cursor.read(cursor), self.settings.activity_order == "newest_first"
        offset, newest = 0 if newest_first else known.offset, known.newest
        for _ in range(MAX_PAGES):
            answer = yield Call("activity", API, {"offset": str(offset)}, secret=ACCESS, accept=(401, 403))
            if answer.status in (401, 403):
                raise NeedsHuman(f"Proposify answers {answer.status}: the api secret is not, or no longer, accepted")
            times = self._times(answer)
            if times and times[0] != times[-1] and (times[0] > times[-1]) is not newest_first:
                raise NeedsHuman("the activity is not listed in the order that the setting activity_order says")
            seen = told.plausible(times, answer)
            newest = max(seen if newest is None else [*seen, newest], default=None)
            reached = newest_first and known.newest is not None and bool(times) and times[-1] < known.newest - OVERLAP
            if reached or not self._more(answer):
                return _Cursor(newest, 0 if newest_first else offset).write()
            offset += PAGE
        raise NeedsHuman(f"the activity has more than {MAX_PAGES} pages since the last poll")

    def _read(self, body: Any, kind: str) -> Entry | None:
        places = WEBHOOK if kind == "webhook" else {**ACTIVITY, **self.settings.activity_fields}
        return Entry.read(body, places, self.settings.words, self.settings.currency)

    def _key(self, body: Any, kind: str) -> str | None:
        try:
            entry = self._read(body, kind)
        except PayloadError:
            return None  # the item is quarantined by itself when it is normalized
        return None if entry is None else entry.key

    def _listed(self, page: Any) -> list[Any]:
        """The entries of a page: the page itself, its ``data``, or what stands at ``activity_list``."""
        path = self.settings.activity_list or ("data" if isinstance(page, dict) else "")
        entries = told.at(page, path) if path else page
        if not isinstance(entries, list):
            raise PayloadError("the page of the activity holds no list; say where it is with activity_list")
        return entries

    def _times(self, answer: Answer) -> list[datetime]:
        path = self.settings.activity_fields.get("at", ACTIVITY["at"])
        times = []
        for entry in self._listed(answer.json()):
            try:
                times.append(told.moment(told.at(entry, path), "at"))
            except PayloadError:
                continue  # it is quarantined as an item; of the order it says nothing
        return times

    def _more(self, answer: Answer) -> bool:
        flag = answer.headers.get("proposify-has-more-results")
        if flag is None:
            return len(self._listed(answer.json())) >= PAGE
        return flag.strip().lower() in ("true", "1", "yes")


@dataclass(frozen=True)
class _Cursor:
    newest: datetime | None = None
    offset: int = 0

    @classmethod
    def read(cls, text: str | None) -> _Cursor:
        if not text:
            return cls()
        held = json.loads(text)
        newest = held.get("newest")
        return cls(None if newest is None else told.moment(newest, "the cursor"), int(held.get("offset", 0)))

    def write(self) -> str:
        return json.dumps({"newest": self.newest and self.newest.isoformat(), "offset": self.offset})


def _scheme(settings: ProposifySettings) -> Signature:
    if settings.proof == "token":
        return SharedToken(Header(settings.header or "X-Proposify-Token", settings.prefix))
    return Hmac(
        Header(settings.header or "X-Proposify-Signature", settings.prefix),
        digest=settings.digest,
        encoding=settings.encoding,
        no_stamp="no signature of Proposify is documented, so no signed time is known",
    )


def _several(body: Any) -> list[Any]:
    return body if isinstance(body, list) else [body]


def _event(entry: Entry) -> Event:
    about: dict[str, Any] = {
        "party": entry.party,
        "occurred_at": entry.at,
        "fact": entry.fact,
        "proposal_id": entry.proposal_id,
    }
    money: dict[str, Any] = {"amount": entry.amount, "currency": entry.currency}
    offer = {**about, **money, "title": entry.text("title"), "recipients": _recipients(entry)}
    match entry.kind:
        case "created":
            return ProposalCreated(**offer)
        case "sent":
            return ProposalSent(**offer)
        case "viewed":
            return ProposalViewed(**about, viewer=entry.viewer)
        case "commented":
            comment = {"text": entry.text("comment"), "author": entry.text("author")}
            return ProposalCommented(**about, **comment, comment_id=entry.text("comment_id") or entry.fact)
        case "signed" | "accepted" | "won":
            return ProposalAccepted(**about, **money)
        case "lost" | "declined":
            return ProposalDeclined(**about, **money, reason=entry.text("reason"))
        case "expired":
            return ProposalExpired(**about, **money, reason=entry.text("reason"))


def _recipients(entry: Entry) -> tuple[str, ...]:
    return () if entry.party.email is None else (entry.party.email,)


def _contract(entry: Entry) -> ContractSigned:
    signer = entry.party.email or entry.party.name
    return ContractSigned(
        party=entry.party,
        occurred_at=entry.at,
        fact=entry.fact,
        contract_id=entry.proposal_id,
        proposal_id=entry.proposal_id,
        signers=() if signer is None else (signer,),
    )
