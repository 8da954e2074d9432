"""Who an event is about: the keys of a party, and which of them may join what.

Strength: a provider's reference > e-mail > phone in E.164 > company domain (never a free or our own one) > name
(never joins). Only references of a person join persons; references of an account or an engagement find the account.
A number finds nobody where a new address comes with it and its bearer is known by another.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256
from typing import NamedTuple

from seamline.events.base import Party

#: An identity as stored: (kind, value).
Key = tuple[str, str]

#: Mailboxes of a function: they find their contact again, and never link accounts.
ROLE_MAILBOXES = frozenset(
    "abuse accounts admin billing contact enquiries enquiry finance hello help hi hr info inquiries "
    "invoices jobs mail marketing news newsletter no-reply noreply office orders postmaster press reception sales "
    "service support team webmaster".split()
)

#: Domains whose addresses belong to persons, not to a company.
FREE_MAIL = frozenset(
    "126.com 163.com aol.com bigpond.com btinternet.com comcast.net cox.net "
    "duck.com earthlink.net fastmail.com free.fr freenet.de "
    "gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com hey.com hotmail.co.uk "
    "hotmail.com hotmail.de hotmail.fr hotmail.it hushmail.com icloud.com laposte.net libero.it live.co.uk "
    "live.com live.nl mac.com mail.com mail.ru me.com msn.com naver.com "
    "orange.fr outlook.com outlook.de outlook.fr pm.me posteo.de "
    "proton.me protonmail.com qq.com rediffmail.com rocketmail.com sbcglobal.net shaw.ca sky.com t-online.de "
    "telus.net tutanota.com verizon.net web.de wp.pl yahoo.ca yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com "
    "yahoo.com.br yahoo.de yahoo.es yahoo.fr yahoo.it yandex.com yandex.ru ymail.com zoho.com".split()
)


#: Longest part of a key that is kept as it is: four of them fit into an index.
MAX_PART = 300
#: Longest name of a domain (RFC 1035, section 2.3.4).
_MAX_DOMAIN = 253
_NO_DOMAIN = frozenset(' <>()[]@,:;\\"')


class Keys(NamedTuple):
    """The keys of one party, by what they may join; false where there is none."""

    person: tuple[Key, ...] = ()  # references of a person
    email: Key | None = None
    phone: Key | None = None
    account: tuple[Key, ...] = ()  # references of an account
    engagement: tuple[Key, ...] = ()
    domain: Key | None = None
    role: bool = False  # the address is a function's mailbox

    def __bool__(self) -> bool:
        return bool(self.person or self.email or self.phone or self.account or self.engagement or self.domain)

    def all(self) -> tuple[Key, ...]:
        found = (*self.person, *self.account, *self.engagement)
        return (*found, *[key for key in (self.email, self.phone, self.domain) if key is not None])


def _part(text: str) -> str:
    """A part of a key; one that no index would take, or that could move the seams between parts, by its digest."""
    if len(text) <= MAX_PART and text.isprintable():
        return text
    return f"sha256 {sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _ref(provider: str, realm: str, kind: str, id: str) -> Key:
    text = f"{provider}{realm}{kind}{id}"
    if len(text) <= MAX_PART and text.isprintable():
        return ("ref", f"{provider}\n{realm}\n{kind}\n{id}")
    return ("ref", "\n".join(map(_part, (provider, realm, kind, id))))


def _is_domain(name: str) -> bool:
    """Whether it may be a company's: no address of a machine, nothing that no domain is called."""
    return len(name) <= _MAX_DOMAIN and "." in name and name.isprintable() and not _NO_DOMAIN.intersection(name)


def keys_of(party: Party, provider: str, own_domains: Collection[str] = ()) -> Keys:
    """The keys of a party as an adapter of ``provider`` gave them; an address of our own people is none."""
    refs = [(ref.of, _ref(ref.provider or provider, ref.realm, ref.kind, ref.id)) for ref in party.refs]
    email, domain, role = None, (party.domain or "").lower().rstrip(".") or None, False
    if party.email is not None:
        local, _, host = party.email.rpartition("@")
        host = host.rstrip(".")  # the root, which nobody writes but those who mean to look like another
        if host not in own_domains:
            email, role = ("email", f"{local}@{host}".lower()), local.lower() in ROLE_MAILBOXES
            domain = domain or host
    if domain is not None and (domain in FREE_MAIL or domain in own_domains or not _is_domain(domain)):
        domain = None
    # Without a country a number is not unique in the world.
    phone = ("phone", party.phone) if party.phone is not None and party.phone.startswith("+") else None
    return Keys(
        tuple(key for of, key in refs if of == "person"),
        email,
        phone,
        tuple(key for of, key in refs if of == "account"),
        tuple(key for of, key in refs if of == "engagement"),
        ("domain", domain) if domain is not None else None,
        role,
    )
