from seamline_adapters.docusign.adapter import DocuSign

__all__ = ["DocuSign"]
