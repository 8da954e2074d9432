"""``seamline send``: a signed sample of a source's adapter, as its provider would send it."""

from __future__ import annotations

import json as jsons
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from seamline.errors import ConfigError, PayloadError
from seamline_webhooks.cli.company import ConfigOption, JsonOption, configuration
from seamline_webhooks.cli.output import WANTING, document, line, plain
from seamline_webhooks.cli.server import UrlOption, exchange

if TYPE_CHECKING:
    from seamline import delivery
    from seamline.testing import Sample
    from seamline_workers.company.config import Config


def send(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The name of a source.")],
    sample: Annotated[
        str, typer.Argument(metavar="SAMPLE", help="As `seamline adapters samples` lists them, or a file of your own.")
    ],
    url: UrlOption = None,
    token: Annotated[str | None, typer.Option(help="Taken, as by all that speak to a server, and not sent.")] = None,  # noqa: ARG001
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Send a sample, or a file, signed with the source's secret, to a running server.

    The signature alone proves it, as with a provider: it needs no token, and takes one only so that a script may give
    the same words to every command that speaks to a server.
    """
    found = configuration(config)
    request = signed(found, source, sample)
    signed_for = urlsplit(request.url)
    target = "/webhooks/" + signed_for.path.rsplit("/webhooks/", 1)[1]
    target += f"?{signed_for.query}" if signed_for.query else ""
    base = url or found.company.public_url
    status, body = exchange(base, target, request.body or None, request.headers, request.method)
    answer = _answer(status, body)
    if json:
        document(answer)
    elif answer["delivery"] is not None:
        again = ", which it had already" if answer["duplicate"] else ""
        line(f"{status}: delivery {plain(answer['delivery'])}{again}")
    else:
        line(f"{status}: {plain(body.decode(errors='replace')[:500])}")
    if not 200 <= status < 300:
        raise typer.Exit(WANTING)


def signed(config: Config, source: str, wanted: str) -> delivery.Request:
    """The request of a sample, or of a file as its body, signed as the provider would. Raises ConfigError."""
    from seamline.testing import Signer
    from seamline_workers.company.registry import build_adapters

    if source not in config.sources:
        raise ConfigError(f"there is no source {source!r}; there are: {', '.join(sorted(config.sources)) or 'none'}")
    section = config.sources[source]
    adapter = build_adapters(config)[source]
    sample, root = _found(section.adapter, wanted)
    # Signed for the public address, wherever it is sent: that is what the server verifies.
    address = f"{config.company.public_url.rstrip('/')}/webhooks/{source}"
    request = sample.request(root, address)
    try:
        return Signer(adapter, section.secrets)(request, datetime.now(UTC))
    except PayloadError as error:
        raise ConfigError(f"the sample {wanted!r} cannot be signed: {error}") from None


def _found(adapter: str, wanted: str) -> tuple[Sample, Path]:
    """A sample of an adapter and the folder that it stands in; a path that is a file means that file."""
    from seamline.testing import Sample, load_suite
    from seamline.testing.suite import suite_names
    from seamline_webhooks.cli.adapter import find_sample, sample_names

    suite = load_suite(adapter) if adapter in suite_names() else None
    sample = None if suite is None else find_sample(suite, wanted)
    if suite is not None and sample is not None:
        return sample, suite.root
    file = Path(wanted)
    if file.is_file():
        return Sample(file.name), file.parent
    known = ", ".join(sample_names(suite)) if suite is not None else "none"
    raise ConfigError(f"{adapter} has no sample {wanted!r}, and there is no such file; there are: {known}")


def _answer(status: int, body: bytes) -> dict[str, Any]:
    try:
        found = jsons.loads(body)
    except ValueError:
        found = None
    told = found if isinstance(found, dict) else {}
    return {"status": status, "delivery": told.get("delivery"), "duplicate": told.get("duplicate")}
