"""A form submission as CallRail tells it: the fields are whatever the website calls them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from seamline import PayloadError
from seamline.events import LeadReceived
from seamline_adapters import told
from seamline_adapters.callrail.call import refs

#: What a form's field can hold of the person.
Holds = Literal["name", "first_name", "last_name", "email", "phone", "company"]

#: Usual names of fields, without case and signs.
_USUAL: Mapping[str, Holds] = {
    "name": "name",
    "fullname": "name",
    "yourname": "name",
    "firstname": "first_name",
    "lastname": "last_name",
    "email": "email",
    "emailaddress": "email",
    "youremail": "email",
    "phone": "phone",
    "phonenumber": "phone",
    "tel": "phone",
    "telephone": "phone",
    "mobile": "phone",
    "company": "company",
    "companyname": "company",
}

#: Click ids of the large ad platforms in a landing page's address.
_CLICKS = ("gclid", "wbraid", "gbraid", "fbclid", "msclkid", "ttclid", "li_fat_id")

_SIGNS = re.compile(r"[^a-z0-9]+")


def lead(body: Mapping[str, Any], number: str, names: Mapping[str, Holds]) -> LeadReceived:
    """The lead, with every field that was filled in. Raises PayloadError."""
    wrote = body["form_data"]
    if not isinstance(wrote, dict):
        raise PayloadError("form_data is not an object")
    person = _person(wrote, names)
    return LeadReceived(
        party=told.party(
            name=person.get("name")
            or told.full_name(person.get("first_name"), person.get("last_name"))
            or body.get("customer_name"),
            address=person.get("email") or body.get("customer_email"),
            number=person.get("phone") or body.get("customer_phone_number"),
            company=person.get("company"),
            refs=refs(body),
        ),
        occurred_at=told.moment(body["submitted_at"], "submitted_at"),
        lead_id=number,
        channel="form",
        fields=wrote,
        platform=told.text(body.get("source")) or told.text(body.get("utm_source")),
        campaign_id=told.text(body.get("campaign")) or told.text(body.get("utm_campaign")),
        click_id=_click(body.get("landing_page_url")),
    )


def _person(wrote: Mapping[str, Any], names: Mapping[str, Holds]) -> dict[Holds, str]:
    """What the fields tell of the person; the names in the settings count more than the usual ones."""
    found: dict[Holds, str] = {}
    for usual in (False, True):
        for field, value in wrote.items():
            holds = _USUAL.get(_SIGNS.sub("", field.lower())) if usual else names.get(field)
            text = told.text(value)
            if holds is not None and text is not None:
                found.setdefault(holds, text)
    return found


def _click(address: Any) -> str | None:
    try:
        query = dict(parse_qsl(urlsplit(told.text(address) or "").query))
    except ValueError:
        return None
    return next((query[name][:300] for name in _CLICKS if query.get(name)), None)
