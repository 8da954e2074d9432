"""The keys of a party: what identifies, and what must not."""

from __future__ import annotations

import pytest

from seamline.events.base import Party
from seamline_workers.identity import MAX_PART, keys_of


def party(**fields: object) -> Party:
    return Party.model_validate(fields)


def ref(**fields: str) -> Party:
    return party(refs=[{"of": "person", "kind": "contact", "id": "1", **fields}])


@pytest.mark.parametrize("domain", ["example.com", "EXAMPLE.com", "example.com.", "example.com..."])
def test_a_colleague_is_no_customer_however_the_domain_is_written(domain: str) -> None:
    assert keys_of(party(email=f"jo@{domain}", domain=domain), "crm", {"example.com"}).all() == ()


@pytest.mark.parametrize("domain", ["gmail.com", "Gmail.com", "gmail.com."])
def test_free_mail_joins_nobody_however_the_domain_is_written(domain: str) -> None:
    keys = keys_of(party(email=f"jo@{domain}"), "crm")
    assert keys.email == ("email", "jo@gmail.com")
    assert keys.domain is None


@pytest.mark.parametrize("domain", ["[127.0.0.1]", "a b.example", "<a.example>", "a\0b.example", "x" * 254 + ".de"])
def test_what_no_domain_is_called_is_no_key(domain: str) -> None:
    assert keys_of(party(domain=domain), "crm").domain is None


@pytest.mark.parametrize("odd", ["x" * 100_000, "a\0b", "a\nb", "\ud800"])
def test_a_reference_that_no_index_would_take_is_known_by_its_digest(odd: str) -> None:
    for place in ("kind", "realm", "provider"):
        [(kind, value)] = keys_of(ref(**{place: odd}), "crm").person
        assert kind == "ref"
        assert len(value) < 4 * MAX_PART
        assert value.count("\n") == 3
        value.encode()
        assert keys_of(ref(**{place: odd + "!"}), "crm").person != ((kind, value),)


def test_parts_of_a_reference_cannot_be_moved_into_one_another() -> None:
    assert keys_of(ref(realm="a\nb", kind="c"), "crm") != keys_of(ref(realm="a", kind="b\nc"), "crm")
