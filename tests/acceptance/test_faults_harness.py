"""What measures the faults measures right: it would see a broken promise."""

from collections.abc import Sequence
from math import inf

import pytest

from tests.chaos.connection import Reply
from tests.chaos.finding import Finding, p99, recovery
from tests.chaos.judgement import Result, Verdict, judged
from tests.stubs.behaviour import ANSWER
from tests.stubs.faults import Fault, Faults

PROBLEM = b'{"type": "urn:bullpen:error:pool_exhausted"}'
GOOD = b'{"success":true,"result":"%s"}' % ANSWER.encode()


def reply(status: int, body: bytes, *, at: float = 1.0, **headers: str) -> Reply:
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return Reply(status=status, headers=named, body=bytearray(body), at=at)


def problem(status: int, *, retry_after: str = "") -> Reply:
    when = {"retry_after": retry_after} if retry_after else {}
    return reply(status, PROBLEM, at=1.0, content_type="application/problem+json", **when)


def events(last: str) -> Reply:
    return reply(200, f"event: start\ndata: {{}}\n\n{last}\n\n".encode(), content_type="text/event-stream")


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        (reply(200, GOOD), "answered"),
        (reply(200, b'{"success":true,"result":"Sorry, the model is down."}'), "broken"),
        (reply(200, GOOD, at=3.3), "broken"),
        (problem(503, retry_after="2"), "refused"),
        (problem(503), "broken"),
        (problem(429, retry_after="0"), "broken"),
        (problem(504), "failed"),
        (reply(500, b"Internal Server Error"), "broken"),
        (reply(502, PROBLEM, content_type="text/html"), "broken"),
        (events(f'event: done\ndata: "{ANSWER}"'), "answered"),
        (events('event: done\ndata: "half"'), "broken"),
        (events(f"event: error\ndata: {PROBLEM.decode()}"), "failed"),
        (events("event: delta\ndata: {}"), "broken"),
        ("the connection was lost", "broken"),
    ],
)
def test_what_an_answer_is_worth(told: Reply | str, verdict: Verdict) -> None:
    """Late, half, without a time to come back or in nobody's words: each is a broken promise."""
    assert judged(told, wanted=ANSWER.encode(), sent=0.0, late=3.2).verdict == verdict


def results(*verdicts: Verdict) -> Sequence[Result]:
    """One a second, each answered after half of one."""
    return [Result(verdict, "", float(second), 0.5) for second, verdict in enumerate(verdicts)]


def test_recovery_is_when_so_many_in_a_row_were_good() -> None:
    """One bad answer between them begins the row anew; what was answered before the end does not count."""
    found = results("answered", "answered", "answered", "failed", "answered", "answered")
    assert recovery(found, end=1.0, in_a_row=2) == 1.5
    assert recovery(found, end=3.0, in_a_row=2) == 2.5
    assert recovery(found, end=4.0, in_a_row=3) == inf


def test_p99_is_of_the_good_answers() -> None:
    """A quick refusal makes no service faster."""
    found = [Result("answered", "", 0.0, float(number)) for number in range(1, 101)]
    assert p99([*found, *results("refused", "failed")]) == 99.0
    assert p99(results("failed")) == 0.0


def test_a_finding_tells_what_did_not_hold() -> None:
    """Once broken, it says what, and how often."""
    finding = Finding(name="fault", results=results("answered", "broken", "broken"))
    assert "yes" in finding.line()
    finding.expect_no_broken_promise()
    finding.expect(1 + 1 == 2, "arithmetic")
    assert "NO" in finding.line()
    assert "2 broken" in finding.line()
    assert "arithmetic" not in finding.line()


def test_a_share_of_the_calls_fails() -> None:
    """About the share that was said, of that model only, until it is mended."""
    faults = Faults()
    faults.put({"behaviour": "500", "model": "sick", "share": 0.2})
    befallen = sum(faults.of("sick") == Fault(behaviour="500", model="sick", share=0.2) for _ in range(1000))
    assert 150 < befallen < 250
    assert faults.of("well") is None
    faults.mend("sick")
    assert faults.of("sick") is None
