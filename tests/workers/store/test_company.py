"""The company's own account: one, and no customer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from seamline_workers.store.company import company_account
from seamline_workers.store.reading.accounts import list_accounts
from seamline_workers.store.reading.query import Query
from seamline_workers.store.store import Store


def _account(store: Store) -> int:
    with store.begin() as connection:
        return company_account(connection, 0)


def test_the_company_has_one_account_whoever_asks_for_it_at_once(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        asked = list(pool.map(lambda _: _account(store), range(8)))
    assert len(set(asked)) == 1
    assert _account(store) == asked[0]


def test_the_companys_account_is_never_listed_as_a_customer(store: Store) -> None:
    _account(store)
    assert list_accounts(store, Query(), unmasked=True)["items"] == []
