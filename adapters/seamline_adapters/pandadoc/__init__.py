from seamline_adapters.pandadoc.adapter import PandaDoc

__all__ = ["PandaDoc"]
