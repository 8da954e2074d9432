"""Meta's insights: which days are asked for, what is told anew, reports, limits, and what still runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from seamline import ConfigError, Delivery, Evidence, Item, NeedsHuman, PayloadError, Ref, RetryLater
from seamline.events import MetricsSnapshot
from seamline.transport import SecretMissing, Transport, drive
from seamline_adapters.meta import Meta
from seamline_adapters.stories.meta import stories as suite

ACT, OTHER = "act_1234567890", "act_1234567891"
GRAPH = "https://graph.facebook.com/v24.0"
SECRETS = {"api": ["example-ads-token"]}
DATE = {"Date": "Sun, 22 Nov 2026 03:00:00 GMT"}  # still the 21st in Chicago
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)


@pytest.fixture
def api() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport(sleep=lambda _: None)
    yield made
    made.close()


def read(name: str) -> Any:
    return json.loads((suite.root / name).read_bytes())


def meta(**settings: Any) -> Meta:
    return Meta({"ad_accounts": [ACT], **settings})


def account(api: respx.MockRouter, act: str = ACT, headers: dict[str, str] = DATE) -> respx.Route:
    return api.get(f"{GRAPH}/{act}").respond(json=read("api_ad_account.json"), headers=headers)


def insights(api: respx.MockRouter, *pages: str, act: str = ACT) -> respx.Route:
    answers = [httpx.Response(200, json=read(page)) for page in pages]
    return api.get(f"{GRAPH}/{act}/insights").mock(side_effect=answers)


def poll(adapter: Meta, transport: Transport, cursor: str | None = None) -> dict[str, Any]:
    found, _ = drive(adapter.poll("insights", "", cursor), transport.sender(adapter, SECRETS))
    held = json.loads(found)
    assert isinstance(held, dict)
    return held


def span(route: respx.Route, index: int = -1) -> tuple[str, str]:
    asked = json.loads(route.calls[index].request.url.params["time_range"])
    return asked["since"], asked["until"]


def snapshots(adapter: Meta, row: dict[str, Any], before: Any = None, as_of: str = "2026-11-22T03:00:00Z") -> Any:
    name = f"figures?act={ACT}&tz=America/Chicago&currency=USD&as_of={as_of}"
    body = json.dumps({"data": [row]}).encode()
    page = Delivery("GET", f"https://hooks.example.com/polls/insights/{name}", body, {}, poll="insights", scope="")
    (item,) = adapter.split(page)
    assert isinstance(item, Item)
    return item.data, list(adapter.normalize(replace(item, before=before)))


ROW = read("api_insights_days.json")["data"][1]


def test_the_first_read_ends_with_the_accounts_own_yesterday(api: respx.MockRouter, transport: Transport) -> None:
    account(api)
    asked = insights(api, "api_insights_days_same.json")
    assert poll(meta(history_days=10), transport) == {ACT: {"on": "2026-11-21"}}
    assert span(asked) == ("2026-11-04", "2026-11-20")
    params = asked.calls.last.request.url.params
    assert (params["level"], params["time_increment"]) == ("account", "1")
    assert params["use_unified_attribution_setting"] == "true"


def test_what_was_open_to_attribution_at_the_last_read_is_read_again_however_long_ago_that_was(
    api: respx.MockRouter, transport: Transport
) -> None:
    account(api)
    asked = insights(api, "api_insights_days_same.json")
    poll(meta(), transport, json.dumps({ACT: {"on": "2026-11-01"}}))
    assert span(asked) == ("2026-10-25", "2026-11-20")


def test_without_ad_accounts_nothing_is_asked(api: respx.MockRouter, transport: Transport) -> None:
    assert poll(Meta(), transport) == {}
    assert not api.calls


def test_without_the_token_a_human_is_told_which_secret_is_missing(transport: Transport) -> None:
    with pytest.raises(SecretMissing, match="'api'"):
        drive(meta().poll("insights", "", None), transport.sender(meta(), {}))
    assert "api" not in Meta.optional_secrets  # else the engine would leave the poll out without a word


def test_r36_one_snapshot_an_account_and_day_in_minor_units_with_its_leads_and_period() -> None:
    _, (event,) = snapshots(meta(), ROW)
    assert isinstance(event, MetricsSnapshot)
    assert (event.spend, event.currency, event.leads) == (15237, "USD", 9)
    assert (str(event.period.start), str(event.period.end), event.period.tz) == (
        "2026-11-20",
        "2026-11-20",
        "America/Chicago",
    )
    assert event.more == {"clicks": 301, "impressions": 10422}
    assert (event.as_of, event.ad_account_id, event.calls_booked) == (NOW, ACT, None)
    assert event.party.refs == (Ref(of="account", kind="ad_account", id=ACT),)


def test_figures_that_did_not_change_are_no_new_event_and_changed_ones_are() -> None:
    first, told = snapshots(meta(), ROW)
    again, told_again = snapshots(meta(), ROW, before=first, as_of="2026-11-22T09:00:00Z")
    _, revised = snapshots(meta(), {**ROW, "spend": "152.38"}, before=again, as_of="2026-11-22T15:00:00Z")
    assert (len(told), told_again, [event.spend for event in revised]) == (1, [], [15238])


def test_a_day_is_told_once_more_when_nothing_is_attributed_to_it_any_longer() -> None:
    last, told = snapshots(meta(), ROW, as_of="2026-11-27T12:00:00Z")
    _, final = snapshots(meta(), ROW, before=last, as_of="2026-11-28T12:00:00Z")
    assert ([event.provisional for event in told], [event.provisional for event in final]) == ([True], [False])


@pytest.mark.parametrize(
    ("settings", "days"),
    [
        ({}, 7),
        ({"attribution": ["1d_click"]}, 1),
        ({"attribution": ["28d_click", "1d_view"]}, 28),
        ({"lag_days": 3}, 3),
    ],
)
def test_a_day_is_provisional_while_its_longest_window_is_open(settings: dict[str, Any], days: int) -> None:
    at = datetime(2026, 11, 20, 18, tzinfo=UTC) + timedelta(days=days)
    for as_of, open_still in ((at, True), (at + timedelta(days=1), False)):
        _, (event,) = snapshots(meta(**settings), ROW, as_of=as_of.strftime("%Y-%m-%dT%H:%M:%SZ"))
        assert event.provisional is open_still


def test_leads_are_the_action_types_of_the_settings_in_the_windows_of_the_settings() -> None:
    def leads(**settings: Any) -> Any:
        _, (event,) = snapshots(meta(**settings), ROW)
        return event.leads

    assert leads(attribution=["1d_view"]) == 1
    assert leads(attribution=["7d_click", "1d_view"]) == 9
    assert leads(leads=["lead", "link_click"]) == 297
    assert leads(leads=["purchase"]) == 0


def test_r41_whatever_changes_what_the_figures_mean_changes_their_definition() -> None:
    def definition(**settings: Any) -> Any:
        _, (event,) = snapshots(meta(**settings), ROW)
        return event.definition_hash

    others: list[dict[str, Any]] = [{"leads": ["purchase"]}, {"attribution": ["7d_click"]}, {"graph_version": "v25.0"}]
    assert len({definition(), *(definition(**other) for other in others)}) == 4
    assert definition(leads=["a", "b"]) == definition(leads=["b", "a"])


@pytest.mark.parametrize(
    "odd",
    [
        {"spend": "much"},
        {"date_stop": "2026-11-21"},
        {"account_id": "99"},
        {"actions": [{"action_type": "lead", "value": "-1"}]},
        {"clicks": True},
    ],
)
def test_a_row_that_cannot_be_read_is_quarantined_by_itself(odd: dict[str, Any]) -> None:
    with pytest.raises(PayloadError):
        snapshots(meta(), {**ROW, **odd})


@pytest.mark.parametrize("settings", [{"attribution": ["1d_click", "7d_click"]}, {"accounts": {OTHER: {}}}])
def test_settings_that_would_count_twice_or_read_nothing_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        meta(**settings)


@pytest.mark.parametrize(
    "error", [{"code": 100, "error_subcode": 1504018}, {"code": 2, "error_subcode": 1504038, "is_transient": True}]
)
def test_a_read_that_takes_too_long_is_made_a_report(
    api: respx.MockRouter, transport: Transport, error: dict[str, Any]
) -> None:
    account(api)
    api.get(f"{GRAPH}/{ACT}/insights").respond(500, json={"error": error})
    made = api.post(f"{GRAPH}/{ACT}/insights").respond(json=read("api_report_made.json"))
    held = poll(meta(), transport)
    assert held[ACT]["report"]["id"] == "6023920149050"
    assert b"time_increment=1" in made.calls.last.request.content


def test_a_report_is_awaited_then_read_and_its_account_is_then_read_up_to_its_day(
    api: respx.MockRouter, transport: Transport
) -> None:
    account(api)
    api.post(f"{GRAPH}/{ACT}/insights").respond(json=read("api_report_made.json"))
    held = poll(meta(reports=True), transport)
    run = api.get(f"{GRAPH}/6023920149050")
    run.respond(json=read("api_report_running.json"), headers={"Date": "Sun, 22 Nov 2026 03:01:00 GMT"})
    with pytest.raises(RetryLater) as waits:
        poll(meta(reports=True), transport, json.dumps(held))
    assert waits.value.after == timedelta(seconds=30)
    run.respond(json=read("api_report_done.json"), headers={"Date": "Sun, 22 Nov 2026 03:02:00 GMT"})
    pages = api.get(f"{GRAPH}/6023920149050/insights").respond(json=read("api_insights_days_same.json"))
    assert poll(meta(reports=True), transport, json.dumps(held)) == {ACT: {"on": "2026-11-21"}}
    assert pages.call_count == 1


@pytest.mark.parametrize(
    ("status", "date"),
    [("Job Failed", "Sun, 22 Nov 2026 03:01:00 GMT"), ("Job Running", "Sun, 22 Nov 2026 07:00:00 GMT")],
)
def test_a_report_that_fails_or_never_ends_is_given_up(
    api: respx.MockRouter, transport: Transport, status: str, date: str
) -> None:
    account(api)
    api.post(f"{GRAPH}/{ACT}/insights").respond(json=read("api_report_made.json"))
    held = poll(meta(reports=True), transport)
    api.get(f"{GRAPH}/6023920149050").respond(json={"async_status": status}, headers={"Date": date})
    assert poll(meta(reports=True), transport, json.dumps(held)) == {ACT: {}}


@pytest.mark.parametrize("code", [4, 17, 613, 80000, 80004])
def test_limits_are_waited_for_as_long_as_meta_says(api: respx.MockRouter, transport: Transport, code: int) -> None:
    usage = json.dumps({"1": [{"type": "ads_insights", "estimated_time_to_regain_access": 12}]})
    headers = {"X-Business-Use-Case-Usage": usage}
    api.get(f"{GRAPH}/{ACT}").respond(400, json={"error": {"code": code}}, headers=headers)
    with pytest.raises(RetryLater) as raised:
        poll(meta(), transport)
    assert raised.value.after == timedelta(minutes=12)


def test_a_limit_keeps_what_was_read_and_the_others_come_first_next_time(
    api: respx.MockRouter, transport: Transport
) -> None:
    account(api)
    insights(api, "api_insights_days_same.json")
    limited = api.get(f"{GRAPH}/{OTHER}").respond(400, json={"error": {"code": 80004}})
    adapter = Meta({"ad_accounts": [ACT, OTHER]})
    held = poll(adapter, transport)
    assert held == {ACT: {"on": "2026-11-21"}, OTHER: {}}
    with pytest.raises(RetryLater):
        poll(adapter, transport, json.dumps(held))
    assert limited.call_count == 2


def test_an_account_that_may_not_be_read_holds_up_no_other_and_its_error_is_quarantined(
    api: respx.MockRouter, transport: Transport
) -> None:
    api.get(f"{GRAPH}/{OTHER}").respond(403, json=read("api_error_permission.json"))
    account(api)
    insights(api, "api_insights_days_same.json")
    adapter = Meta({"ad_accounts": [OTHER, ACT]})
    assert poll(adapter, transport) == {OTHER: {}, ACT: {"on": "2026-11-21"}}
    body = json.dumps(read("api_error_permission.json")).encode()
    page = Delivery("GET", f"https://h.example.com/polls/insights/account?act={OTHER}", body, {}, poll="insights")
    (item,) = adapter.split(page)
    assert isinstance(item, Item)
    with pytest.raises(PayloadError, match=OTHER):
        list(adapter.normalize(item))


def test_an_expired_token_is_for_a_human(api: respx.MockRouter, transport: Transport) -> None:
    api.get(f"{GRAPH}/{ACT}").respond(400, json=read("api_error_token_expired.json"))
    with pytest.raises(NeedsHuman, match="190"):
        poll(meta(), transport)


def test_an_answer_without_a_date_is_asked_for_again(api: respx.MockRouter, transport: Transport) -> None:
    account(api, headers={})
    with pytest.raises(RetryLater, match="Date"):
        poll(meta(), transport)


def evidence(transport: Transport, kind: str, ref: str) -> Evidence:
    calls = Meta().status(Ref(of="engagement", kind=kind, id=ref))
    return drive(calls, transport.sender(Meta(), SECRETS))[0]


@pytest.mark.parametrize(
    ("word", "settled"),
    [("ACTIVE", False), ("PAUSED", True), ("ARCHIVED", True), ("IN_PROCESS", False), ("NEW", False)],
)
def test_r58_a_campaign_is_settled_only_by_a_word_that_says_it_has_stopped(
    api: respx.MockRouter, transport: Transport, word: str, settled: bool
) -> None:
    api.get(f"{GRAPH}/77").respond(json={"id": "77", "effective_status": word}, headers=DATE)
    assert evidence(transport, "campaign", "77") == Evidence("77", word, NOW, settled)


@pytest.mark.parametrize(
    ("fired", "status"),
    [("2026-11-21T04:00:00+0000", "running"), ("2026-11-21T02:00:00+0000", "quiet"), (None, "quiet")],
)
def test_r58_a_pixel_that_fired_within_a_day_is_running(
    api: respx.MockRouter, transport: Transport, fired: str | None, status: str
) -> None:
    told = {"id": "88"} if fired is None else {"id": "88", "last_fired_time": fired}
    api.get(f"{GRAPH}/88").respond(json=told, headers=DATE)
    assert evidence(transport, "pixel", "88") == Evidence("88", status, NOW, status == "quiet")


@pytest.mark.parametrize("running", [True, False])
def test_r58_an_ad_account_is_settled_when_no_campaign_of_it_runs(
    api: respx.MockRouter, transport: Transport, running: bool
) -> None:
    rows = [{"id": "77", "effective_status": "ACTIVE"}] if running else []
    api.get(f"{GRAPH}/{ACT}/campaigns").respond(json={"data": rows}, headers=DATE)
    assert evidence(transport, "ad_account", ACT).settled is not running


@pytest.mark.parametrize(("kind", "ref"), [("campaign", "../me"), ("invoice", "1")])
def test_what_meta_cannot_tell_of_is_not_asked(
    api: respx.MockRouter, transport: Transport, kind: str, ref: str
) -> None:
    with pytest.raises(PayloadError):
        evidence(transport, kind, ref)
    assert not api.calls
