"""Every adapter that brings a suite keeps its contract."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

from seamline.testing import check_suite, load_suite, suite_names


@pytest.mark.parametrize("name", suite_names())
def test_the_adapter_keeps_its_contract(name: str) -> None:
    assert check_suite(load_suite(name)) > 20


def test_every_adapter_brings_a_suite() -> None:
    assert {entry.name for entry in entry_points(group="seamline.adapters")} == set(suite_names())
