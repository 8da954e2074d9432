"""What the simulated providers know: leads, deals and contacts; what runs; and what was sent through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from seamline_agency.demo.cast import CUSTOMERS, Customer

#: What a provider answers: a status and a JSON value.
Answered = tuple[int, Any]
_GRAPH = "graph.facebook.com/v24.0"
_HUBSPOT = "api.hubapi.com/crm/v3/objects"


@dataclass(frozen=True)
class Sent:
    """What left the company: a mail, or a post in a chat."""

    at: datetime
    by: str
    to: str
    subject: str
    text: str
    thread: str = ""


@dataclass
class Books:
    """The providers' side of the world. ``runs`` is what a look at something that runs is told, by its path."""

    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    leads: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    mails: list[Sent] = field(default_factory=list)
    posts: list[Sent] = field(default_factory=list)

    def fill_in(self, customer: Customer, at: datetime, need: str) -> None:
        """A customer fills in the lead form of the agency's ad."""
        wrote = {
            "full_name": customer.name,
            "email": customer.email,
            "phone_number": customer.phone,
            "company_name": customer.company,
            "what_do_you_need": need,
        }
        self.leads[customer.lead] = {
            "id": customer.lead,
            "created_time": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000"),
            "form_id": "793235552669212",
            "campaign_id": "6798196962600",
            "platform": "fb",
            "field_data": [{"name": name, "values": [value]} for name, value in wrote.items()],
        }

    def answer(self, method: str, path: str, query: Mapping[str, str], asked: Any) -> Answered:
        """What a call is answered; ``path`` begins with the host."""
        match method, path:
            case "POST", "api.postmarkapp.com/email":
                return self._mailed(asked)
            case "POST", "slack.com/api/chat.postMessage":
                return self._posted(asked)
            case "POST", name if name == f"{_HUBSPOT}/contacts/batch/read":
                return 200, {"status": "COMPLETE", "results": [_contact(one["id"]) for one in asked["inputs"]]}
        if path.startswith("hooks.slack.com/"):
            return 200, {"ok": True}
        found = self._known(path)
        return (404, {"message": "not found"}) if found is None else (200, found)

    def _known(self, path: str) -> Any:
        folder, _, key = path.rpartition("/")
        if folder == f"{_HUBSPOT}/deals":
            return next((_deal(one) for one in CUSTOMERS if str(one.deal) == key), None)
        if folder == _GRAPH and key in self.leads:
            return self.leads[key]
        return self.runs.get(path)

    def _mailed(self, mail: Mapping[str, Any]) -> Answered:
        threads = {one["Name"]: one["Value"] for one in mail.get("Headers", ())}
        self.mails.append(
            Sent(
                self.clock(),
                mail["From"],
                mail["To"],
                mail["Subject"],
                mail["TextBody"],
                threads.get("References", ""),
            )
        )
        number = str(UUID(int=len(self.mails)))
        at = self.clock().strftime("%Y-%m-%dT%H:%M:%S.0000000Z")
        return 200, {"To": mail["To"], "SubmittedAt": at, "MessageID": number, "ErrorCode": 0, "Message": "OK"}

    def _posted(self, post: Mapping[str, Any]) -> Answered:
        self.posts.append(Sent(self.clock(), "the agency's app", post["channel"], "", post["text"]))
        stamp = f"{int(self.clock().timestamp())}.{len(self.posts):06d}"
        return 200, {"ok": True, "channel": post["channel"], "ts": stamp, "message": {"text": post["text"]}}


def _contact(key: str) -> dict[str, Any]:
    customer = next(one for one in CUSTOMERS if one.contact == key)
    first, _, last = customer.name.partition(" ")
    about = {"email": customer.email, "firstname": first, "lastname": last, "company": customer.company}
    return {"id": key, "properties": about}


def _deal(customer: Customer) -> dict[str, Any]:
    return {
        "id": str(customer.deal),
        "properties": {"amount": "7500.00", "deal_currency_code": "USD", "dealtype": "newbusiness"},
        "associations": {"contacts": {"results": [{"id": customer.contact, "type": "deal_to_contact"}]}},
    }
