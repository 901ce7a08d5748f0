"""The word that keys or sessions have changed."""

from collections.abc import Callable

__all__ = ["News"]


class News:
    """Passes the word on inside this process; `redis.RedisNews` passes it to every replica.

    Failure mode: open. A word that is lost costs time and nothing else: whoever listens looks by itself as well.
    """

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Calls the listener at every word, from now on; it must not wait."""
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[], None]) -> None:
        """Forgets the listener, if there is such a one."""
        self._listeners = [each for each in self._listeners if each != listener]

    async def tell(self) -> None:
        """Passes the word that something has changed; never raises."""
        self._spread()

    def _spread(self) -> None:
        for listener in self._listeners:
            listener()
