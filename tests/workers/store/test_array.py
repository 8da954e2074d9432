"""Arrays as PostgreSQL reads them."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seamline_workers.store.array import array


@pytest.fixture
def connection(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as found:
        yield found


TEXTS = st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    texts=TEXTS, blobs=st.lists(st.none() | st.binary()), numbers=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1))
)
def test_what_goes_in_comes_out(
    connection: psycopg.Connection, texts: list[str | None], blobs: list[bytes | None], numbers: list[int | None]
) -> None:
    asked = "SELECT %s::text[], %s::bytea[], %s::bigint[]"
    found = connection.execute(asked, [array(texts), array(blobs), array(numbers)]).fetchone()
    assert found == (texts, blobs, numbers)


@pytest.mark.parametrize("odd", ['"', "\\", "{}", ",", "NULL", "", " ", '","', "\\N"])
def test_a_text_that_looks_like_the_syntax_is_a_text(connection: psycopg.Connection, odd: str) -> None:
    assert connection.execute("SELECT %s::text[]", [array([odd, "x", odd])]).fetchone() == ([odd, "x", odd],)


def test_a_text_with_a_nul_is_refused_and_shifts_no_other(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.DataError):
        connection.execute("SELECT %s::text[]", [array(["a\x00b", "c"])])
