"""Who plays: an invented customer, and the ids by which each provider knows her."""

from __future__ import annotations

NAME = "Dana Whitfield"
EMAIL = "dana@harborlane.example.com"
PHONE = "+12025550147"
COMPANY = "Harbor Lane Dental"

#: The agency's people, who write their mails themselves.
COO = "robin@northwind.example.com"
ONBOARDING = "sasha@northwind.example.com"

PAGE = "153125381133"
LEAD = "444444444444"
PORTAL = 145106154
DEAL = 9034578123
CONTACT = "65059681032"
PROPOSAL = 123456
