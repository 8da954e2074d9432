"""The front door over real HTTP, on both stores."""

from __future__ import annotations

import gzip
import hmac
import json
import signal
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from seamline_workers.store.store import Store
from support.calls import SECRET, accepted, raw_request, read_answer, rows, signed, tallied
from support.probe import SIGNATURE
from support.serving import Serving

Start = Callable[..., Serving]


def test_a_genuine_request_is_kept_as_it_came_and_answered_with_its_id(server: Serving, kept: Store) -> None:
    body = b'{"deal": 1}'
    with server.client() as client:
        headers = signed(body, x_probe_key="k-1", x_probe_topic="ours", authorization="Bearer nobody's business")
        answer = client.post("/webhooks/crm?a=1&b=%2F", content=body, headers=headers)
    assert answer.status_code == 202
    [row] = rows(kept, "SELECT id, key, digest, method, target, headers, body, size, trust, scheme FROM deliveries")
    assert answer.json() == {"delivery": str(row[0]), "duplicate": False}
    assert row[1:5] == ("k-1", sha256(body).digest(), "POST", "/webhooks/crm?a=1&b=%2F")
    assert json.loads(row[5]) == {"content-type": "application/json", "x-probe-key": "k-1", "x-probe-topic": "ours"}
    assert row[6:] == (body, len(body), "signed", "hmac-sha256")


def test_when_it_came_is_told_by_the_business_clock_and_its_signature_is_checked_by_the_wall_clock(
    serving: Start, store: Store, tmp_path: Path
) -> None:
    clock, set_to = tmp_path / "clock", 1_700_000_000_000_000
    clock.write_text(str(set_to))
    body = b'{"deal": 1}'
    with serving(env={"SEAMLINE_CLOCK": str(clock)}).client() as client:
        assert client.post("/webhooks/crm", content=body, headers=signed(body)).status_code == 202
    [(received_at,)] = rows(store, "SELECT received_at FROM deliveries")
    assert set_to <= received_at < set_to + 3_600_000_000


def test_the_same_again_is_a_duplicate_and_other_bytes_under_its_key_are_kept_and_counted(
    server: Serving, kept: Store
) -> None:
    with server.client() as client:
        ids = []
        for body in (b"1", b"1", b"2"):
            answer = client.post("/webhooks/crm", content=body, headers=signed(body, x_probe_key="k"))
            ids.append((answer.status_code, answer.json()["delivery"], answer.json()["duplicate"]))
    assert ids[1] == (202, ids[0][1], True)
    assert ids[2][2] is False
    assert rows(kept, "SELECT body, duplicates FROM deliveries ORDER BY id") == [(b"1", 1), (b"2", 0)]
    assert accepted(kept) == {"crm accepted": 2, "crm duplicate": 1, "crm conflict": 1}


def test_r85_whatever_is_wrong_with_a_proof_the_answer_is_the_same_and_nothing_is_stored(
    serving: Start, store: Store
) -> None:
    body = b'{"deal": 1}'
    good = signed(body)
    forged = [
        {"content-type": "application/json"},
        {**good, SIGNATURE: ""},
        {**good, SIGNATURE: "0" * 64},
        {**good, SIGNATURE: "é" * 32},
        signed(body, secret="another"),
        signed(b'{"deal": 2}'),
    ]
    server = serving()
    with server.client() as client:
        answers = [client.post("/webhooks/crm", content=body, headers=_latin(headers)) for headers in forged]
        answers.append(client.post("/webhooks/faulty", content=body))
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers[:-1]}) == 1
    assert answers[0].headers["content-type"] == "application/problem+json"
    assert answers[0].json()["type"] == "urn:seamline:problem:not-genuine"
    server.stop()
    assert rows(store, "SELECT count(*) FROM deliveries") == [(0,)]
    assert tallied(store) == {"crm refused:401": 6, "faulty refused:401": 1}
    reasons = rows(store, "SELECT reason, headers FROM refusals WHERE source = 'crm' ORDER BY id")
    assert "is missing" in reasons[0][0]
    assert "does not match" in reasons[2][0]
    assert "0" * 64 not in reasons[2][1]


def _latin(headers: dict[str, str]) -> dict[bytes, bytes]:
    return {name.encode(): value.encode("latin-1") for name, value in headers.items()}


def test_an_unknown_source_is_404_and_counted_under_no_name(serving: Start, store: Store) -> None:
    server = serving()
    with server.client() as client:
        paths = ["/webhooks/nobody", "/webhooks/crm/more", "/webhooks/", "/webhooks", "/webhooks/crm%2Fmore"]
        answers = [client.post(path, content=b"x") for path in paths]
    assert {answer.status_code for answer in answers} == {404}
    assert answers[0].json()["code"] == "unknown-source"
    server.stop()
    assert tallied(store) == {"? refused:404": 5}


def test_probes_and_handshakes_are_answered_before_verification(server: Serving, kept: Store) -> None:
    with server.client() as client:
        assert client.head("/webhooks/crm").status_code == 200
        welcome = client.get("/webhooks/crm", params={"challenge": "42", "token": "let me in"})
        assert (welcome.status_code, welcome.content, welcome.headers["x-echo"]) == (200, b"42", "42")
        wrong = client.get("/webhooks/crm", params={"challenge": "42", "token": "guess"})
        assert (wrong.status_code, wrong.json()["code"]) == (400, "unreadable")
        assert client.get("/webhooks/crm", params={"crash": "1"}).status_code == 400
        assert client.get("/webhooks/calendar").status_code == 400
        # What an adapter echoes cannot break the answer's head.
        smuggled = client.get("/webhooks/crm", params={"challenge": "a\r\nSet-Cookie: b=c", "token": "let me in"})
        assert smuggled.status_code == 200
        assert "set-cookie" not in smuggled.headers
        refused = client.put("/webhooks/crm", content=b"x")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, POST")
    assert rows(kept, "SELECT count(*) FROM deliveries") == [(0,)]


def test_a_handshake_that_the_adapter_refuses_is_counted(serving: Start, store: Store) -> None:
    server = serving()
    with server.client() as client:
        guess = {"mode": "subscribe", "challenge": "42", "token": "guess"}
        assert client.get("/webhooks/crm", params=guess).status_code == 403
        assert client.get("/webhooks/crm", params={**guess, "token": "let me in"}).status_code == 200
    server.stop()
    assert tallied(store) == {"crm refused:403": 1}


def test_what_an_adapter_cannot_read_is_kept_and_never_a_fault(server: Serving, kept: Store) -> None:
    with server.client() as client:
        for number, step in enumerate(("refuse", "delivery_key", "reply")):
            body = b"not json %d \xff" % number
            answer = client.post("/webhooks/crm", content=body, headers=signed(body, x_probe_break=step))
            assert (answer.status_code, answer.json()["duplicate"]) == (202, False)
    assert rows(kept, "SELECT count(*) FROM deliveries WHERE state = 0") == [(3,)]


def test_a_genuine_request_that_is_not_ours_is_not_kept(serving: Start, store: Store) -> None:
    server = serving()
    with server.client() as client:
        answer = client.post("/webhooks/crm", content=b"{}", headers=signed(b"{}", x_probe_topic="theirs"))
        hello = client.post("/webhooks/crm", content=b'{"hello": 1}', headers=signed(b'{"hello": 1}'))
    assert answer.status_code == 202
    assert hello.json() == {"hello": "back"}
    server.stop()
    assert rows(store, "SELECT body FROM deliveries") == [(b'{"hello": 1}',)]
    assert rows(store, "SELECT status, reason FROM refusals") == [(202, "not ours: topic theirs")]


def test_an_adapter_answers_in_its_own_statuses_and_the_secret_that_it_gets_is_not_kept(
    server: Serving, kept: Store
) -> None:
    with server.client() as client:
        headers = {"X-Probe-Token": SECRET, "X-Probe-Number": "7"}
        assert client.post("/webhooks/calendar", headers=headers).status_code == 204
        assert client.post("/webhooks/calendar", headers=headers).status_code == 204
        # Without a body the headers tell one push from the next.
        assert client.post("/webhooks/calendar", headers={**headers, "X-Probe-Number": "8"}).status_code == 204
        forged = client.post("/webhooks/calendar", headers={"X-Probe-Token": "guess"})
        assert (forged.status_code, forged.content) == (406, b"no")
    found = rows(kept, "SELECT headers, trust, duplicates FROM deliveries ORDER BY id")
    assert [(json.loads(text), trust, n) for text, trust, n in found] == [
        ({"x-probe-number": "7"}, "authenticated", 1),
        ({"x-probe-number": "8"}, "authenticated", 0),
    ]


def test_a_source_that_proves_nothing_gives_unverified_deliveries(server: Serving, kept: Store) -> None:
    with server.client() as client:
        assert client.post("/webhooks/open", content=b"anything").status_code == 202
        assert client.get("/webhooks/open").status_code == 400
    assert rows(kept, "SELECT trust, scheme FROM deliveries") == [("unverified", "")]


def test_a_body_is_bounded_as_announced_as_sent_and_as_unpacked(server: Serving, kept: Store) -> None:
    limit = 64 * 1024
    with server.client() as client:
        fits, large = b"x" * limit, b"x" * (limit + 1)
        assert client.post("/webhooks/crm", content=fits, headers=signed(fits)).status_code == 202
        announced = client.post("/webhooks/crm", content=large, headers=signed(large))
        assert (announced.status_code, announced.json()["code"]) == (413, "too-large")
        chunked = client.post("/webhooks/crm", content=iter([large[:60000], large[60000:]]), headers=signed(large))
        assert chunked.status_code == 413
        bomb = gzip.compress(b"\0" * 50_000_000)
        assert len(bomb) < limit
        packed = client.post("/webhooks/crm", content=bomb, headers={**signed(bomb), "content-encoding": "gzip"})
        assert packed.status_code == 413
    assert rows(kept, "SELECT count(*) FROM deliveries") == [(1,)]


@pytest.mark.parametrize("name", ["gzip", "deflate", "bare deflate", "GZIP, identity"])
def test_a_packed_body_is_verified_and_kept_unpacked(server: Serving, kept: Store, name: str) -> None:
    body = b'{"deal": 1}' * 50
    packers: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "GZIP, identity": gzip.compress,
    }
    bare = zlib.compressobj(wbits=-15)
    packed = packers[name](body) if name in packers else bare.compress(body) + bare.flush()
    headers = {**signed(body), "content-encoding": name.removeprefix("bare ")}
    with server.client() as client:
        assert client.post("/webhooks/crm", content=packed, headers=headers).status_code == 202
    assert rows(kept, "SELECT body FROM deliveries") == [(body,)]


def test_a_body_that_is_not_packed_as_it_says_is_400(server: Serving) -> None:
    body = b'{"deal": 1}'
    broken = {
        "gzip": [body, gzip.compress(body)[:-4], b"", gzip.compress(b"") * 100],
        "deflate": [body, zlib.compress(body) + b"more"],
        "br": [body],
        "gzip, gzip": [gzip.compress(gzip.compress(body))],
    }
    with server.client() as client:
        for encoding, bodies in broken.items():
            for content in bodies:
                headers = {**signed(content), "content-encoding": encoding}
                answer = client.post("/webhooks/crm", content=content, headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (400, "unreadable"), encoding


def test_a_thousand_copies_at_once_are_one_delivery_over_several_processes(serving: Start, store: Store) -> None:
    servers = [serving(), serving()]
    body = b'{"deal": "the same"}'
    sent = raw_request(body, signed(body, x_probe_key="k"))

    def send_many(number: int) -> list[tuple[int, bool]]:
        answers = []
        with servers[number % 2].connect() as sock:
            for _ in range(50):
                sock.sendall(sent)
                status, answer = read_answer(sock)
                answers.append((status, json.loads(answer)["duplicate"]))
        return answers

    with ThreadPoolExecutor(20) as pool:
        answers = [answer for many in pool.map(send_many, range(20)) for answer in many]
    assert Counter(answers) == {(202, True): 999, (202, False): 1}
    assert rows(store, "SELECT duplicates FROM deliveries") == [(999,)]
    assert tallied(store) == {"crm accepted": 1, "crm duplicate": 999}


def test_who_goes_away_takes_nobody_along(serving: Start, store: Store) -> None:
    server = serving()
    leaving = [server.connect() for _ in range(20)]
    staying = server.connect()
    for number, sock in enumerate(leaving):
        body = b"leaving %d" % number
        sock.sendall(raw_request(body, signed(body)))
        sock.close()
    half = raw_request(b"half of it", signed(b"half of it"))
    cut = server.connect()
    cut.sendall(half[:-5])
    cut.close()
    staying.sendall(raw_request(b"staying", signed(b"staying")))
    assert read_answer(staying)[0] == 202
    staying.close()
    server.stop()
    bodies = {row[0] for row in rows(store, "SELECT body FROM deliveries")}
    assert b"staying" in bodies
    assert bodies <= {b"staying"} | {b"leaving %d" % number for number in range(20)}


def test_a_secret_is_rotated_on_sighup_and_a_broken_configuration_changes_nothing(
    serving: Start, store: Store, company: Path
) -> None:
    server = serving()

    def post(secret: str) -> int:
        with server.client() as client:
            return client.post("/webhooks/crm", content=b"{}", headers=signed(b"{}", secret=secret)).status_code

    assert (post(SECRET), post("new secret")) == (202, 401)
    (company.parent / "signing").write_text("new secret")
    written = company.read_text()
    company.write_text(written + "\n[sources.more]\nadapter = 'no such'\n")
    server.send_signal(signal.SIGHUP)
    assert "sources.more.adapter" in server.wait_log("sources_not_read_again")["reason"]
    assert (post(SECRET), post("new secret")) == (202, 401)
    company.write_text(written.replace('["file:signing"]', f'["file:signing", "literal:{SECRET}"]'))
    server.send_signal(signal.SIGHUP)
    server.wait_log("sources_read_again")
    assert (post(SECRET), post("new secret"), post("guess")) == (202, 202, 401)
    assert SECRET not in server.log()
    company.write_text(written)
    server.send_signal(signal.SIGHUP)
    server.wait_log("sources_read_again", count=2)
    assert (post(SECRET), post("new secret")) == (401, 202)


def test_the_index_of_the_secret_that_matched_is_kept(serving: Start, store: Store, company: Path) -> None:
    company.write_text(company.read_text().replace('["file:signing"]', '["literal:new", "file:signing"]'))
    with serving().client() as client:
        client.post("/webhooks/crm", content=b"{}", headers=signed(b"{}"))
    assert rows(store, "SELECT secret FROM deliveries") == [(1,)]


def test_odd_heads_are_refused_and_the_server_goes_on(server: Serving, kept: Store) -> None:
    with server.client() as client:
        many = {f"x-{number}": "1" for number in range(300)}
        assert client.post("/webhooks/crm", content=b"{}", headers={**signed(b"{}"), **many}).status_code == 431
        nul = b"{}"
        odd_key = {**_latin(signed(nul)), b"x-probe-key": b"\xff" * 3000}
        assert client.post("/webhooks/crm", content=nul, headers=odd_key).status_code == 202
    garbage = [
        b"\0\0\0\r\n\r\n",
        b"POST /webhooks/crm HTTP/1.1\r\n" + b"x: " + b"y" * 200_000,
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"POST /webhooks/\xff\xfe HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        b"POST /webhooks/crm HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
    ]
    for sent in garbage:
        with server.connect() as sock:
            sock.sendall(sent)
            try:
                answer = sock.recv(4096)
            except ConnectionError:
                answer = b""
            assert answer[:10] in (b"", b"HTTP/1.1 4"), sent[:40]
    key = "sha256:" + sha256(("ÿ" * 3000).encode()).hexdigest()
    assert rows(kept, "SELECT key FROM deliveries") == [(key,)]


def test_r85_no_signature_is_accepted_over_other_bytes_than_those_kept(server: Serving, kept: Store) -> None:
    # Sent twice, a signature is neither of the two.
    with server.client() as client:
        digest = hmac.digest(SECRET.encode(), b"{}", "sha256").hex()
        headers = [(SIGNATURE, digest), (SIGNATURE, digest)]
        assert client.post("/webhooks/crm", content=b"{}", headers=headers).status_code == 401
