"""A provider that sends real, signed HTTP: in order and not, twice, late, and forged by others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import TracebackType
from urllib.parse import urlsplit

import httpx

from seamline.adapter import Adapter
from seamline.delivery import Request
from seamline.signature.base import Secrets
from seamline.testing.signer import Signer
from seamline.testing.story import Sample


@dataclass(frozen=True)
class Posted:
    """One request that was sent, and what it was told."""

    what: str
    status: int
    body: bytes = field(repr=False)

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 300


class Simulator:
    """Sends an adapter's samples to ``url``, signed as its provider signs.

    ``public_url`` is what URL signatures cover, if it is not ``url`` (a server behind a proxy). ``now`` is the wall
    clock. Answers of any status are given back; httpx.TransportError is raised where there is none.
    """

    def __init__(
        self,
        adapter: Adapter,
        root: Path,
        url: str,
        secrets: Secrets | None = None,
        *,
        public_url: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        client: httpx.Client | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._root = root
        self._url = url
        self._public_url = public_url or url
        self._signer = Signer(adapter, secrets or {})
        self._now = now
        # The environment's proxies are not for a server that is most often on this machine.
        self._client = client or httpx.Client(timeout=timeout, trust_env=False)
        self._ours = client is None

    def __enter__(self) -> Simulator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, if the client is not the caller's."""
        if self._ours:
            self._client.close()

    def send(self, sample: Sample | str, now: datetime | None = None) -> Posted:
        """Send one sample, signed now, or as at ``now``; a challenge is sent as it is."""
        request = self._request(sample)
        challenge = isinstance(sample, Sample) and sample.challenged
        return self._post("genuine", request if challenge else self._signer(request, now or self._now()))

    def repeat(self, sample: Sample | str, times: int = 2) -> list[Posted]:
        """Send the very same bytes several times, as a provider does that missed our answer."""
        request = self._signer(self._request(sample), self._now())
        return [self._post("genuine" if turn == 0 else "repeated", request) for turn in range(times)]

    def shuffle(self, samples: Sequence[Sample | str], random: Random) -> list[Posted]:
        """Send samples out of order; the order is ``random``'s."""
        order = list(samples)
        random.shuffle(order)
        return [self.send(sample) for sample in order]

    def forge(self, sample: Sample | str) -> list[Posted]:
        """Send what others would: unsigned, with another secret, changed on the way, sent again much later."""
        return [self._post(what, request) for what, request in self.forgeries(sample)]

    def forgeries(self, sample: Sample | str) -> Iterator[tuple[str, Request]]:
        """What ``forge`` sends, by what is wrong with it."""
        return self._signer.forgeries(self._request(sample), self._now())

    def _request(self, sample: Sample | str) -> Request:
        told = Sample(sample) if isinstance(sample, str) else sample
        return told.request(self._root, self._public_url)

    def _post(self, what: str, request: Request) -> Posted:
        query = urlsplit(request.url).query
        url = f"{self._url}?{query}" if query else self._url
        response = self._client.request(
            request.method, url, content=request.body, headers=dict(request.headers), follow_redirects=False
        )
        return Posted(what, response.status_code, response.content)
