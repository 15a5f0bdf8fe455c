"""How what a load test makes bears its tag: in names, addresses, identifiers and source ids."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

DOMAIN = "loadtest.invalid"
"""Where all addresses of ours are; by RFC 2606 no such domain will ever exist."""


def new_tag() -> str:
    """A tag nobody else has: ``lt`` and six characters of base 36."""
    return "lt" + "".join(secrets.choice("0123456789abcdefghijklmnopqrstuvwxyz") for _ in range(6))


@dataclass(frozen=True, slots=True)
class Tag:
    """How things bear a tag.

    Attributes:
        text: the tag.
        nonce: makes source ids that nobody can guess.
    """

    text: str
    nonce: str = ""

    def name(self, what: str) -> str:
        """What an account, inbox or team is called."""
        return f"loadtest {self.text} {what}"

    def email(self, number: int) -> str:
        """The address of the user or contact of that number."""
        return f"{self.text}-{number}@{DOMAIN}"

    def identifier(self, number: int) -> str:
        """The identifier of the contact of that number."""
        return f"{self.text}-{number}"

    def source_id(self, number: int) -> str:
        """The source id of the contact of that number."""
        digest = hashlib.sha256(f"{self.nonce}:{number}".encode()).hexdigest()
        return f"{self.text}-{number}-{digest[:24]}"

    def is_in_name(self, name: str | None) -> bool:
        """Whether an account, inbox or team bears the tag."""
        return (name or "").lower().startswith(f"loadtest {self.text} ".lower())

    def is_in_address(self, email: str | None) -> bool:
        """Whether a user's or contact's address bears the tag."""
        address = (email or "").lower()
        return address.startswith(f"{self.text}-".lower()) and address.endswith(f"@{DOMAIN}")
