"""A channel that tells colleagues something, over real HTTP."""

from __future__ import annotations

from seamline.call import Call, Calls
from seamline.dispatch import NoticeDraft
from seamline_workers.company.channel import Channel
from support.recording import KEY, Mailbox, Recording


class Showing(Recording):
    """Shows drafts by one call, too."""

    def notice(self, recipient: str, text: str, draft: NoticeDraft | None) -> Calls[str]:
        told = {"key": "card", "to": recipient, "text": text}
        if draft is not None:
            told |= {"draft": draft.id, "sha256": draft.sha256, "body": draft.body}
        answer = yield Call("notice", self.settings.url, method="POST", json=told, secret="api")
        return str(answer.json()["id"])


def showing(provider: Mailbox) -> Channel:
    return Channel("cards", Showing({"url": provider.url}), {"api": (KEY,)})
