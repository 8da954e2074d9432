"""What is generated from the catalogue: schemas, the AsyncAPI document, the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from seamline.asyncapi import document
from seamline.cloudevents import NOT_DATA
from seamline.events import catalogue
from seamline.schema import builtin, components, main, schema, schema_name, schemas
from support.events import example

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
SHIPPED = Path(__file__).parent / "shipped.json"
BUILTIN = {event.event_type: event for event in builtin()}


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_a_schema_accepts_what_its_model_writes_and_nothing_without_its_ids(name: str) -> None:
    event, shape = BUILTIN[name], schema(BUILTIN[name])
    jsonschema_rs.meta.validate(shape)
    check = jsonschema_rs.validator_for(shape)
    data = example(event).model_dump(mode="json", exclude=NOT_DATA, exclude_none=True)
    check.validate(data)
    check.validate(data | {"told_by_a_later_release": 1})
    for needed in shape.get("required", ()):
        assert not check.is_valid({key: value for key, value in data.items() if key != needed})


def test_a_schema_says_where_it_is_found_and_what_is_personal() -> None:
    shape = schemas()["lead.received.v1.json"]
    assert shape["$id"] == "/catalog/lead.received.v1.json"
    assert (shape["x-stage"], shape["x-nature"]) == ("inquiry", "fact")
    personal = {name for name, field in shape["properties"].items() if field.get("x-personal")}
    assert personal == {"fields", "text"}
    party = shape["$defs"]["Party"]["properties"]
    assert {name for name, field in party.items() if field.get("x-personal")} == {"name", "email", "phone"}


def test_a_schema_does_not_speak_of_what_the_envelope_says() -> None:
    assert not {"occurred_at", "part", "fact"} & set(schema(BUILTIN["deal.won"])["properties"])


def test_numbers_keep_their_bounds() -> None:
    check = jsonschema_rs.validator_for(schema(BUILTIN["proposal.viewed"]))
    assert check.is_valid({"proposal_id": "p", "dwell": 2.5})
    assert not check.is_valid({"proposal_id": "p", "dwell": -1})


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    told = document()
    assert told["asyncapi"] == "3.0.0"
    for reference in set(references(told)):
        node = told
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_the_asyncapi_document_tells_every_event_under_the_company_s_prefix() -> None:
    told = document(prefix="com.example", events=BUILTIN.values())
    names = {message["name"] for message in told["components"]["messages"].values()}
    assert names == {f"com.example.{name}.v1" for name in BUILTIN}
    assert set(told["channels"]["feed"]["messages"]) == {schema_name(event) for event in BUILTIN.values()}


def test_components_hold_each_event_and_each_shared_value_once() -> None:
    found = components(BUILTIN.values())
    assert {"Party", "Ref", "Figure", "Period"} <= set(found)
    assert len(found) == len(BUILTIN) + len([name for name in found if "." not in name])


def test_the_page_in_the_docs_is_what_the_catalogue_says(capsys: pytest.CaptureFixture[str]) -> None:
    stale = main(["--check", str(PAGE)])
    assert stale == 0, capsys.readouterr().err


def test_a_page_that_is_out_of_date_says_how_to_mend_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "events.md"
    page.write_text("old")
    assert main(["--check", str(page)]) == 1
    assert f"--write {page}" in capsys.readouterr().err
    assert main(["--write", str(page)]) == 0
    assert main(["--check", str(page)]) == 0


def test_schemas_and_document_are_written_as_files(tmp_path: Path) -> None:
    assert main(["--json", str(tmp_path / "catalog")]) == 0
    written = {path.name for path in (tmp_path / "catalog").iterdir()}
    assert written >= {"asyncapi.json", *(f"{name}.v1.json" for name in BUILTIN)}
    assert json.loads((tmp_path / "catalog" / "deal.won.v1.json").read_text()) == schema(BUILTIN["deal.won"])


def test_what_has_shipped_is_only_added_to() -> None:
    """Each field that was ever told is still told, and none has become required: a change needs a new version.

    ``shipped.json`` holds fields by event and version, with whether each is required. Add to it, never take away.
    """
    found = schemas()
    for name, shipped in json.loads(SHIPPED.read_text()).items():
        now = found[f"{name}.json"]
        assert set(shipped) <= set(now["properties"]), name
        assert set(now.get("required", ())) <= {field for field, required in shipped.items() if required}, name


def test_every_event_is_among_what_has_shipped() -> None:
    assert {schema_name(event) for event in builtin()} <= set(json.loads(SHIPPED.read_text()))
    assert set(BUILTIN) <= set(catalogue())
