"""DocuSign: envelopes that are signed, declined or voided."""

from __future__ import annotations

from seamline_adapters.docusign.adapter import DocuSign

__all__ = ["DocuSign"]
