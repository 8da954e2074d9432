"""What is sent: signed webhooks about leads from a form, each with its own id, spread over many accounts."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from urllib.parse import urlsplit

from benchmarks import signature

SECRET = "whsec_" + b64encode(b"a benchmark's secret, 32 bytes..").decode()
ACCOUNTS = 10_000
#: So many events go to ACCOUNTS accounts. A run with fewer events uses proportionally fewer accounts, so that
#: the same share of events (three quarters) is about somebody new, whoever is measured.
EVENTS = 6_000

Headers = Mapping[bytes, bytes]
#: Signs (secret, url, message id, body).
Signer = Callable[[str, str, bytes, bytes], Headers]


def standard_webhooks(secret: str, _url: str, message_id: bytes, body: bytes) -> Headers:
    """Sign as https://www.standardwebhooks.com says; the URL is not part of it."""
    stamp = b"%d" % time.time()
    return {
        b"webhook-id": message_id,
        b"webhook-timestamp": stamp,
        b"webhook-signature": signature.sign(signature.key(secret), message_id, stamp, body),
    }


def hubspot_v3(secret: str, url: str, _message_id: bytes, body: bytes) -> Headers:
    """Sign as HubSpot does (v3): method, URL, body and a timestamp in milliseconds."""
    stamp = b"%d" % (time.time() * 1000)
    digest = hmac.digest(secret.encode(), b"POST%b%b%b" % (url.encode(), body, stamp), "sha256")
    return {b"x-hubspot-request-timestamp": stamp, b"x-hubspot-signature-v3": b64encode(digest)}


SIGNERS: Mapping[str, Signer] = {"standard_webhooks": standard_webhooks, "hubspot_v3": hubspot_v3}


@dataclass(frozen=True)
class Workload:
    """``count`` webhooks; ``hot`` is the share of them that is about one and the same account.

    ``run`` tells the ids of one load from those of another on the same database; the accounts are the same in all.
    ``among``: so many accounts, whatever the count. ``in_turn``: each of them once, in an order by chance, before any
    of them comes again. ``begun_ms``: when the first one happens; 0: when they are made.
    """

    count: int
    run: str = "r"
    hot: float = 0.0
    signer: str = "standard_webhooks"
    secret: str = SECRET
    seed: int = 1
    among: int = 0
    in_turn: bool = False
    begun_ms: int = 0

    @property
    def accounts(self) -> int:
        return self.among or max(1, round(ACCOUNTS * self.count / EVENTS))

    def requests(self, url: str) -> Iterator[bytes]:
        """Whole HTTP/1.1 requests, ready to be sent."""
        parts = urlsplit(url)
        head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n".encode()
        sign = SIGNERS[self.signer]
        for message_id, body in self.bodies():
            headers = b"".join(b"%b: %b\r\n" % pair for pair in sign(self.secret, url, message_id, body).items())
            yield b"%bContent-Length: %d\r\n%b\r\n%b" % (head, len(body), headers, body)

    def bodies(self) -> Iterator[tuple[bytes, bytes]]:
        """Message ids and bodies, about 700 bytes each."""
        for message_id, account, at_ms in self.leads():
            value = lead(message_id, account, written(at_ms))
            yield message_id.encode(), json.dumps(value, separators=(",", ":")).encode()

    def leads(self) -> Iterator[tuple[str, int, int]]:
        """Message id, account, and milliseconds since 1970 of each, one a millisecond."""
        begun_ms = self.begun_ms or time.time_ns() // 1_000_000
        for number, account in enumerate(self._whom()):
            yield f"{self.run}-{number:07d}", account, begun_ms + number

    def _whom(self) -> Iterator[int]:
        chance, accounts = random.Random(self.seed), self.accounts
        if self.in_turn:
            order = list(range(accounts))
            chance.shuffle(order)
            return islice(cycle(order), self.count)
        return (0 if chance.random() < self.hot else chance.randrange(accounts) for _ in range(self.count))


def written(at_ms: int) -> str:
    """Milliseconds since 1970 as a body says them."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def contact(account: int) -> str:
    """What tells an account's domain from all others."""
    return hashlib.sha256(b"%d" % account).hexdigest()[:12]


def lead(message_id: str, account: int, occurred_at: str) -> dict[str, object]:
    """A form's lead: the body of a relay, with the two identities that make an account."""
    return {
        "id": message_id,
        "type": "lead.received",
        "occurred_at": occurred_at,
        "party": {
            "name": f"Robin Example {account}",
            "email": f"robin@{contact(account)}.example.com",  # a company is known by its domain too
            "company": f"Example Works {account} Ltd",
            "refs": [{"of": "person", "kind": "crm_contact", "id": str(65_000_000_000 + account)}],
        },
        "data": {
            "lead_id": f"lead-{message_id}",
            "channel": "form",
            "campaign_id": "120210000000000042",
            "fields": {
                "services": "Meta Ads management, landing pages, monthly reporting",
                "budget": "5,000 to 10,000 USD a month",
                "start": "within the next four weeks",
                "message": "We sell garden tools in three states and want more calls from our ads before the spring. "
                "Two agencies have sent us reports that nobody reads; please tell us what you would do first.",
            },
        },
    }
