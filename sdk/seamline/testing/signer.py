"""Sign requests as a provider does, and forge them as others do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from seamline.adapter import Adapter
from seamline.delivery import Request
from seamline.signature.base import Secrets
from seamline.testing.keys import other_secret

#: Older than what any provider lets pass.
STALE = timedelta(days=400)


@dataclass(frozen=True)
class Signer:
    """Signs for one adapter. Without ``secrets``, with those of the scheme's own example.

    Where the provider holds a private key (Amazon, GoHighLevel), the example's is one made for development.
    """

    adapter: Adapter
    secrets: Secrets = field(default_factory=dict, repr=False)

    def __call__(self, request: Request, now: datetime) -> Request:
        """The request as the provider sends it at ``now``. Raises ConfigError, PayloadError."""
        scheme = self.adapter.scheme
        return request if scheme is None else scheme.sign(request, self._signing(), now)

    def forgeries(self, request: Request, now: datetime) -> Iterator[tuple[str, Request]]:
        """The request as others send it, by what is wrong with it; none where the provider proves nothing."""
        scheme = self.adapter.scheme
        if scheme is None:
            return
        signed = self(request, now)
        wrong = {name: [other_secret(value) for value in values] for name, values in self._signing().items()}
        yield "unsigned", request
        yield "signed with another secret", scheme.sign(request, wrong, now)
        if request.body and self.adapter.trust == "signed":
            yield "changed on the way", replace(signed, body=signed.body[:-1] + bytes([signed.body[-1] ^ 1]))
        if self.says_when(request, now):
            yield "sent again much later", self(request, now - STALE)

    def says_when(self, request: Request, now: datetime) -> bool:
        """Whether a signature holds its time: made at two times it differs, made twice at one time it does not."""
        if getattr(self.adapter.scheme, "stamp", None) is not None:
            return True
        signed = self(request, now)
        return signed == self(request, now) != self(request, now - STALE)

    def _signing(self) -> Mapping[str, list[str]]:
        scheme = self.adapter.scheme
        example = {} if scheme is None else scheme.example()[0]
        return {name: list(values) for name, values in {**example, **self.secrets}.items() if name in example}
