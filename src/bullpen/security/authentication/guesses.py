"""Guessing at credentials is slowed before they are looked at.

What is counted, and who waits for it:

- *Tries*: failures of one address at one key. Beyond the allowance, that address waits before it may show that key.
- *Keys*: how many different keys failed from one address. Beyond it, that address waits with every key.
- *Addresses*: how many different ones failed at one key. Beyond it, the addresses that have failed at the key wait
  before they may show it again. The owner, coming from any other address, does not: nobody can be locked out from afar.

A credential that has been right from there before never waits: many honest people may share an address with somebody
who guesses, also at their key. And whoever has it need not guess.

A wait begins at `per / most` seconds, doubles with each failure after it, and is never more than `longest`. Who has
been quiet for `longest` begins anew. A success forgets no failure, so a key of one's own buys no more tries at others.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from bullpen.clock import Clock, SystemClock

__all__ = ["Guesses"]

_K = TypeVar("_K", bound=Hashable)
_LONGEST_NAME: Final = 64
_KEY_PREFIX: Final = "bp_"
_TOKEN_END: Final = 16


class _Failures:
    """A leaky bucket of failures, and the wait they have come to."""

    __slots__ = ("level", "seen", "strikes", "until")

    def __init__(self, now: float) -> None:
        self.level = 0.0
        self.seen = self.until = now
        self.strikes = 0


class _Record(Generic[_K]):
    """Failures by key, those of the longest quiet first, and never more than so many."""

    def __init__(self, *, most: int, per: float, longest: float, slots: int) -> None:
        self._most = most
        self._interval = per / most
        self._longest = longest
        self._slots = slots
        self._failures: OrderedDict[_K, _Failures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failures)

    def __contains__(self, key: _K) -> bool:
        return key in self._failures

    def wait(self, key: _K, now: float) -> float:
        """Seconds left; 0 for one that may go on."""
        failures = self._failures.get(key)
        return 0.0 if failures is None else max(0.0, failures.until - now)

    def add(self, key: _K, now: float) -> float:
        """One more failure; gives the seconds to wait from now on."""
        self.forget(now)
        failures = self._failures.setdefault(key, _Failures(now))
        self._failures.move_to_end(key)
        if len(self._failures) > self._slots:
            self._failures.popitem(last=False)
        quiet = max(0.0, now - max(failures.seen, failures.until))  # waiting is no merit
        failures.level = min(float(self._most), max(0.0, failures.level - quiet / self._interval)) + 1
        failures.seen = now
        if failures.level > self._most:
            failures.until = max(failures.until, now + self._delay(failures.strikes))
            failures.strikes += 1
        return max(0.0, failures.until - now)

    def forget(self, now: float) -> None:
        """Lets go of everybody who has been quiet for long enough."""
        while self._failures:
            key, failures = next(iter(self._failures.items()))
            if max(failures.seen, failures.until) + self._longest > now:
                return
            del self._failures[key]

    def _delay(self, strikes: int) -> float:
        return min(self._longest, self._interval * 2.0 ** min(strikes, 64))


class Guesses:
    """Says who must wait before a credential is looked at.

    The gate asks `blocked` first, refuses with `RateLimited` while that is not 0, and tells `failed` or `succeeded`
    afterwards. When `failed` gives more than 0 a wait begins: the audit trail's `guessing_slowed`, once a wait. A
    request without a credential is no guess.

    Failure mode: none. In this process alone: N replicas allow N times as many guesses, and guesses under way at the
    same moment are all looked at; the limit on the address bounds both. Memory is bounded by `slots`; beyond, those who
    failed longest ago are forgotten first.
    """

    def __init__(
        self,
        *,
        most: int = 10,
        per: float = 60.0,
        longest: float = 300.0,
        slots: int = 65_536,
        clock: Clock | None = None,
    ) -> None:
        """Allows `most` failures in `per` seconds.

        Args:
            most: Failures without a wait.
            per: Seconds in which as many are forgiven.
            longest: The longest wait, and the quiet after which all is forgiven, seconds.
            slots: How many failing addresses, keys and pairs of both are remembered, and how many right credentials.
            clock: What time it is.
        """
        self._clock = clock or SystemClock()
        self._tries = _Record[tuple[str, str]](most=most, per=per, longest=longest, slots=max(1, slots // 2))
        self._keys = _Record[str](most=most, per=per, longest=longest, slots=max(1, slots // 4))
        self._addresses = _Record[str](most=most, per=per, longest=longest, slots=max(1, slots // 4))
        self._good: OrderedDict[int, None] = OrderedDict()
        self._slots = slots

    def __len__(self) -> int:
        """Addresses, keys and pairs in memory."""
        return len(self._tries) + len(self._keys) + len(self._addresses) + len(self._good)

    def blocked(self, address: str, credential: str) -> float:
        """Seconds this address must wait before it may show this credential; 0 to go on.

        Args:
            address: Of the client; where one client has many, what stands for them.
            credential: As it came, and not looked at; empty for one that has no name.
        """
        if address not in self._keys:  # every failure is also one of an address
            return 0.0
        return self._waits(address, credential, self._clock.monotonic())

    def failed(self, address: str, credential: str) -> float:
        """A credential was wrong; gives the seconds to wait from now on, 0 while there is none."""
        name, now = _name_of(credential), self._clock.monotonic()
        pair = (address, name)
        self._good.pop(_mark(address, credential), None)
        self._tries.forget(now)
        is_first = pair not in self._tries
        self._tries.add(pair, now)
        # What has no name is a new key each time.
        if is_first or not name or address not in self._keys:
            self._keys.add(address, now)
        if is_first and name:
            self._addresses.add(name, now)
        return self._waits(address, credential, now)

    def succeeded(self, address: str, credential: str) -> None:
        """A credential was right, and will not wait here until it is wrong."""
        mark = _mark(address, credential)
        self._good[mark] = None
        self._good.move_to_end(mark)
        if len(self._good) > self._slots:
            self._good.popitem(last=False)

    def _waits(self, address: str, credential: str, now: float) -> float:
        if _mark(address, credential) in self._good:
            return 0.0
        name = _name_of(credential)
        pair = (address, name)
        at_key = self._addresses.wait(name, now) if name and pair in self._tries else 0.0
        return max(self._tries.wait(pair, now), at_key, self._keys.wait(address, now))


def _mark(address: str, credential: str) -> int:
    """All that is kept of a credential: two with the same mark would spare a wrong one its wait, and open nothing."""
    return hash((address, credential))


def _name_of(credential: str) -> str:
    """What a credential calls itself, good enough to know it again: a key's id, or how a token ends."""
    if credential.startswith(_KEY_PREFIX):
        return credential.removeprefix(_KEY_PREFIX).partition("_")[0][:_LONGEST_NAME]
    return credential[-_TOKEN_END:]
