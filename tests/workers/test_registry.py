"""What a configuration names, made real: adapters, sources and the roster."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seamline.errors import ConfigError
from seamline_workers.company.config import Config, load_config
from seamline_workers.company.registry import build_adapters, load_roster, register_sources
from seamline_workers.store.store import Store
from support import probe
from support.calls import rows

SIGNED = '[sources.{name}]\nadapter = "probe"\nsecrets = ["literal:x"]\n'


@pytest.fixture(scope="module", autouse=True)
def _probes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = str(probe.install(tmp_path_factory.mktemp("adapters") / "installed"))
    sys.path.insert(0, folder)
    yield
    sys.path.remove(folder)


def config(folder: Path, text: str) -> Config:
    path = folder / "seamline.toml"
    path.write_text(text)
    return load_config(path, {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[sources.a]\nadapter = "probe"', "sources.a: .*signing"),
        ('[sources.a]\nadapter = "probe_bare"\nallow = ["*"]', 'sources.a.trust: .*write trust = "unverified"'),
        ('[sources.a]\nadapter = "probe_bare"\ntrust = "unverified"', "sources.a.allow: list the event types"),
        ('[sources.a]\nadapter = "smtp"\ntrust = "unverified"', r"sources.a: smtp takes nothing in.*\[channels.a\]"),
        (SIGNED.format(name="a") + "settings = { topc = 1 }", "sources.a: settings of probe: .*topc"),
        ('[sources.a]\nadapter = "probe_absent"', "sources.a: the adapter 'probe_absent' cannot be loaded"),
        ('[sources.a]\nadapter = "probe_other"', "calls itself 'probe'"),
    ],
)
def test_a_source_that_its_adapter_cannot_serve_refuses_to_start(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build_adapters(config(tmp_path, text))


def test_a_source_keeps_its_stable_id_when_it_is_renamed_and_a_new_one_gets_its_own(
    tmp_path: Path, store: Store
) -> None:
    first = register_sources(store, config(tmp_path, SIGNED.format(name="crm")))["crm"]
    assert first.stable == "crm"
    renamed = SIGNED.format(name="sales") + 'formerly = "crm"\n' + SIGNED.format(name="crm")
    for _ in range(2):  # the second start finds what the first made
        sources = register_sources(store, config(tmp_path, renamed))
        assert (sources["sales"].id, sources["sales"].stable) == (first.id, "crm")
        assert sources["crm"].stable == "crm-2"
        assert sources["crm"].id != first.id
    assert rows(store, "SELECT count(*) FROM lanes WHERE kind = 1") == [(2,)]


def test_live_from_is_the_first_start_unless_it_is_written(tmp_path: Path, store: Store) -> None:
    first = register_sources(store, config(tmp_path, SIGNED.format(name="crm")))["crm"]
    again = register_sources(store, config(tmp_path, SIGNED.format(name="crm")))["crm"]
    assert again.live_from == first.live_from > 1_600_000_000_000_000
    written = SIGNED.format(name="crm") + 'live_from = "1970-01-01T00:00:01Z"'
    assert register_sources(store, config(tmp_path, written))["crm"].live_from == 1_000_000


def test_trust_is_the_adapter_s_unless_the_source_says_less(tmp_path: Path, store: Store) -> None:
    text = SIGNED.format(name="a") + SIGNED.format(name="b") + 'trust = "unverified"\n'
    sources = register_sources(store, config(tmp_path, text))
    assert (sources["a"].trust, sources["b"].trust) == ("signed", "unverified")
    assert "literal" not in repr(sources)
    assert "'x'" not in repr(sources)


ROSTER = """
from seamline.boundary import Roster
from seamline.seat import Seat
roster = Roster([Seat("dirk", owns=["deal.*"]), Seat("pepper", owns=["lead.*"])])
other = 5
"""


def test_the_roster_comes_from_the_company_s_folder_with_the_configuration_s_overrides(tmp_path: Path) -> None:
    (tmp_path / "first_company.py").write_text(ROSTER)
    text = '[company]\nseats = "first_company:roster"\n[seats.dirk]\nkind = "human"\nassignee = "dana@example.com"\n'
    roster = load_roster(config(tmp_path, text))
    assert (roster.seat("dirk").kind, roster.seat("dirk").assignee) == ("human", "dana@example.com")
    assert roster.seat("pepper").kind == "agent"


def test_a_roster_module_that_raises_or_cannot_be_read_says_where(tmp_path: Path) -> None:
    for name, text, said in (
        ("third_company", "1 / 0\n", r"importing third_company raised ZeroDivisionError: .* at .*third_company\.py:1"),
        ("fourth_company", "x = = 1\n", r"importing fourth_company raised SyntaxError: .* at .*fourth_company\.py:1"),
        (
            "fifth_company",
            "import no_such_module\n",
            r"raised ModuleNotFoundError: .*no_such_module.*fifth_company\.py:1",
        ),
        ("sixth_company", "import os\nos.nothing\n", r"raised AttributeError: .* at .*sixth_company\.py:2"),
        ("seventh_company", "import json\njson.loads('x')\n", r"raised JSONDecodeError: .* at .*seventh_company\.py:2"),
    ):
        (tmp_path / f"{name}.py").write_text(text)
        with pytest.raises(ConfigError, match=said):
            load_roster(config(tmp_path, f'[company]\nseats = "{name}:roster"\n'))


@pytest.mark.parametrize(
    ("seats", "more", "said"),
    [
        ("second_company:roster", '[seats.drik]\nkind = "human"', "seats.drik: there is no such seat; there are: dirk"),
        ("second_company:other", "", "is a int, not a seamline Roster"),
        (
            "second_company:missing",
            "",
            "second_company has no 'missing'; its rosters are: roster; write module:attribute",
        ),
        ("no_company:roster", "", "company.seats: there is no module no_company in .*; write module:attribute"),
    ],
)
def test_a_roster_that_is_not_one_refuses_to_start(tmp_path: Path, seats: str, more: str, said: str) -> None:
    (tmp_path / "second_company.py").write_text(ROSTER)
    with pytest.raises(ConfigError, match=said):
        load_roster(config(tmp_path, f'[company]\nseats = "{seats}"\n{more}'))
