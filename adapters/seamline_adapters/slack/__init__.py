from seamline_adapters.slack.adapter import Slack

__all__ = ["Slack"]
