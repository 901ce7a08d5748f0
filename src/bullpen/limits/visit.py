"""One request's stay: what it holds and has reserved, from the gate to its end."""

from bullpen.limits.headers import rate_limit_headers
from bullpen.limits.ports import Verdict
from bullpen.limits.turnstile import Turnstile

__all__ = ["Visit"]


class Visit:
    """What was taken when a request was let in, to be settled once, when it is over.

    However the request ends, what was spent until then is known here: a run that was cancelled pays for the calls it
    made, and gets back what it had reserved beyond.
    """

    __slots__ = ("_is_over", "_spent", "_turnstile", "_verdicts")

    def __init__(self, turnstile: Turnstile, verdict: Verdict) -> None:
        self._turnstile = turnstile
        self._verdicts = [verdict]
        self._spent = 0
        self._is_over = False

    @property
    def headers(self) -> dict[str, str]:
        """How the limits stood when the request was let in."""
        return rate_limit_headers(self._verdicts[-1])

    @property
    def holds(self) -> bool:
        """Whether there is something to give back or to correct; if not, `leave` need not be called."""
        return any(
            verdict.lease is not None or verdict.reserved or (self._spent and verdict.counts_tokens)
            for verdict in self._verdicts
        )

    @property
    def waits(self) -> bool:
        """Whether `leave` asks somebody outside this process, and so may take its time."""
        return self._turnstile.is_shared

    def add(self, verdict: Verdict) -> None:
        """The request was let in for more, as a batch is once its items are counted."""
        self._verdicts.append(verdict)

    def spend(self, tokens: int) -> None:
        """So many tokens were used."""
        self._spent += tokens

    async def leave(self) -> None:
        """Gives the places back, and corrects what was reserved to what was used; twice is as good as once."""
        if self._is_over:
            return
        self._is_over = True
        for verdict in self._verdicts:
            await self._turnstile.leave(verdict)
        spent = self._spent
        for verdict in self._verdicts:
            if verdict.counts_tokens:
                await self._turnstile.settle(verdict, tokens=spent)
                spent = 0  # of what all of them reserved, it is taken off once
