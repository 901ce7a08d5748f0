"""A provider's API key that may be replaced while models and clients work with it."""

from typing import Any, Final
from weakref import WeakValueDictionary

__all__ = ["NO_KEY", "Key"]

NO_KEY: Final = "none"
"""What a server that wants no key is sent, for the SDKs insist on one."""


class Key:
    """One API key, as it is now.

    Whoever is lent it has its `api_key` set, now and whenever the key is renewed. Clients and models read theirs at
    every call, so the next call goes out with the new key, and calls under way end as they began.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        # By identity, and only as long as somebody else holds them: models are made and dropped all the time.
        self._borrowers: WeakValueDictionary[int, Any] = WeakValueDictionary()

    def __repr__(self) -> str:
        """Says nothing."""
        return "Key(…)"

    def lend(self, borrower: Any) -> None:
        """Gives it to an SDK's client, or to a model that makes its own."""
        self._borrowers[id(borrower)] = borrower
        borrower.api_key = self.text

    def renew(self, text: str) -> None:
        """Puts another key in its place."""
        self.text = text
        for borrower in list(self._borrowers.values()):
            borrower.api_key = text
            # Agno makes a model's client once, with the key of that time.
            own = getattr(borrower, "async_client", None)
            if own is not None:
                own.api_key = text
