"""Items: a key is kept as it is, or becomes one that every store takes."""

from __future__ import annotations

from typing import Any

import pytest

from seamline import Item
from seamline.delivery import MAX_KEY


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
