"""Masks what no log, error, rejects file, XCom or data doc may show.

>>> mask("anna@example.org"), mask("7"), mask(None)
('a***(16)', '***(1)', None)
"""

from __future__ import annotations

__all__ = ["Redactor", "mask"]


def mask(value: str | None) -> str | None:
    """The first character and the length: enough to find the row, too little to know the value."""
    if value is None:
        return None
    head = value[:1] if len(value) > 3 else ""
    return f"{head}***({len(value)})"


class Redactor:
    """Replaces known secrets in any text.

    >>> Redactor(["s3cret"])("login with s3cret failed")
    'login with *** failed'
    """

    def __init__(self, secrets: list[str]) -> None:
        # Longest first, so that a secret that holds another one goes whole; very short ones would blank out prose.
        self._secrets = sorted({secret for secret in secrets if len(secret) >= 4}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text with every known secret replaced by three asterisks."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text
