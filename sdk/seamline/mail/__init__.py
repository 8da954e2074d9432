"""Mail as adapters need it: parsed, classified, and without what a reply quotes."""

from seamline.mail.auto import Auto, classify
from seamline.mail.header import Mailbox, clean, header_text, mailboxes, message_ids, moment
from seamline.mail.markup import html_to_text
from seamline.mail.message import Attachment, Mail, is_answer, is_forward, parse_mail, thread_of
from seamline.mail.quote import new_text
from seamline.mail.report import Bounce, Complaint

__all__ = [
    "Attachment",
    "Auto",
    "Bounce",
    "Complaint",
    "Mail",
    "Mailbox",
    "classify",
    "clean",
    "header_text",
    "html_to_text",
    "is_answer",
    "is_forward",
    "mailboxes",
    "message_ids",
    "moment",
    "new_text",
    "parse_mail",
    "thread_of",
]
