"""Items: a key is kept as it is, or becomes one that every store takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seamline import Item, content_key
from seamline.delivery import MAX_KEY, read_json
from seamline.errors import PayloadError


@pytest.mark.parametrize("key", ["evt_1", "a b/c:ü", "x" * MAX_KEY])
def test_a_printable_key_is_kept(key: str) -> None:
    item = Item(key, {}, kind=key, entity=key)
    assert (item.key, item.kind, item.entity) == (key, key, key)


@pytest.mark.parametrize("key", ["a\nb", "a\x00b", "x" * (MAX_KEY + 1), "\ud83d"])
def test_any_other_key_becomes_a_digest_that_tells_it_from_others(key: str) -> None:
    item, same, other = Item(key, {}, entity=key), Item(key, {}), Item(key + "y", {})
    assert item.key == same.key == item.entity != other.key
    assert item.key.isprintable()
    assert len(item.key) < MAX_KEY


@pytest.mark.parametrize("key", [7, None, b"x", ["x"]])
def test_a_key_is_text(key: Any) -> None:
    with pytest.raises(TypeError, match="an item's key is text"):
        Item(key, {})


def test_nothing_that_a_customer_wrote_shows_in_an_items_repr() -> None:
    assert "dana" not in repr(Item("k", {"email": "dana@example.com"}, before="dana"))


@pytest.mark.parametrize("body", [b"\xef\xbb\xbf[1]", b'["\\ud83d", 1.5]', b"[1e308]"])
def test_json_that_is_odd_is_read(body: bytes) -> None:
    assert isinstance(read_json(body), list)


TOO_LARGE = [b"1e400", b'{"a":-1E+999}', b"[0, 0.001e400]", b"1" * 400 + b".5", b"1" * 250 + b"e99", b"1e0000400"]


@pytest.mark.parametrize("body", TOO_LARGE)
def test_a_number_beyond_a_double_s_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadError, match="too large"):
        read_json(body)


def test_large_numbers_that_are_finite_and_texts_like_them_are_read() -> None:
    body = b'[1e308, 1.5E+300, 1e-400, "1e400", {"id": "f-9e999"}]'
    assert read_json(body) == [1e308, 1.5e300, 0.0, "1e400", {"id": "f-9e999"}]


@pytest.mark.parametrize("body", [b"[NaN]", b"[-Infinity]", "[1]".encode("utf-16"), "[1]".encode("utf-32")])
def test_neither_what_no_number_is_nor_another_encoding_is_json(body: bytes) -> None:
    with pytest.raises(PayloadError):
        read_json(body)


ODD = {"email": "dana@example.com", "tags": ["ü", 1, None]}


def test_a_content_key_stays_what_it_is_for_ever() -> None:
    assert content_key(ODD) == "5c873c5d-7173-5579-ae87-beef26e3ca8a"


def test_a_content_key_is_that_of_the_value_however_it_was_written() -> None:
    written = '{"tags": ["\\u00fc", 1,null], "email":"dana@example.com"}'
    assert content_key(json.loads(written)) == content_key(ODD)
    assert content_key(["a", "b"]) != content_key(["b", "a"])
    assert "dana" not in content_key(ODD)


def test_what_is_no_json_has_no_content_key() -> None:
    with pytest.raises(TypeError):
        content_key({"at": object()})
