"""The providers' APIs, on this machine: what the Graph API and HubSpot's CRM API answer about the customer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from seamline_agency.demo import cast


class ProviderApi:
    """A server on a free port of this machine; a context manager. Paths begin with the provider's host.

    ``limited``: HubSpot's limit is reached at the first call; whoever asks again a second later gets the answer.
    """

    def __init__(self, tokens: Mapping[str, str], lead_at: datetime, *, limited: bool = False) -> None:
        self.calls: list[str] = []
        api, answers = self, _answers(lead_at)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                host = path.split("/")[1]
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Authorization") != f"Bearer {tokens.get(host)}":
                    return self._answer(401, {"message": "not authenticated"})
                api.calls.append(f"{self.command} {path}")
                if limited and "hubapi" in host and sum("hubapi" in call for call in api.calls) == 1:
                    return self._answer(429, {"policyName": "SECONDLY", "message": "You have reached your limit."})
                answer = answers.get(f"{self.command} {path}")
                return self._answer(404 if answer is None else 200, answer or {"message": "not found"})

            do_POST = do_GET

            def _answer(self, status: int, value: Any) -> None:
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing: the table does."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> ProviderApi:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _answers(lead_at: datetime) -> dict[str, Any]:
    first, _, last = cast.NAME.partition(" ")
    wrote = {
        "full_name": cast.NAME,
        "email": cast.EMAIL,
        "phone_number": cast.PHONE,
        "company_name": cast.COMPANY,
        "what_do_you_need": "More patients for our second practice, urgent",
    }
    lead = {
        "id": cast.LEAD,
        "created_time": lead_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000"),
        "form_id": "793235552669212",
        "campaign_id": "6798196962600",
        "platform": "fb",
        "field_data": [{"name": name, "values": [value]} for name, value in wrote.items()],
    }
    deal = {
        "id": str(cast.DEAL),
        "properties": {"amount": "7500.00", "deal_currency_code": "USD", "dealtype": "newbusiness"},
        "associations": {"contacts": {"results": [{"id": cast.CONTACT, "type": "deal_to_contact"}]}},
    }
    contact = {
        "id": cast.CONTACT,
        "properties": {"email": cast.EMAIL, "firstname": first, "lastname": last, "company": cast.COMPANY},
    }
    return {
        f"GET /graph.facebook.com/v24.0/{cast.LEAD}": lead,
        f"GET /api.hubapi.com/crm/v3/objects/deals/{cast.DEAL}": deal,
        "POST /api.hubapi.com/crm/v3/objects/contacts/batch/read": {"status": "COMPLETE", "results": [contact]},
    }
