"""What is shown of a dependency."""

from bullpen.operations.dependency import Finding


def test_a_finding_as_callers_read_it() -> None:
    """Times in milliseconds, an age in seconds, and the moment in UTC."""
    finding = Finding(
        state="failing", required=True, age=0.12345, latency=0.002, since=1_700_000_000.7, failures=2, error="timeout"
    )
    assert finding.as_dict() == {
        "status": "failing",
        "required": True,
        "age": 0.123,
        "latency_ms": 2.0,
        "since": "2023-11-14T22:13:20+00:00",
        "failures": 2,
        "error": "timeout",
    }


def test_what_was_never_looked_at_has_no_age() -> None:
    """Nothing is made up; and where nothing is wrong, no error is told."""
    unseen = Finding(state="down", required=True, age=None, latency=None, since=0, failures=0, error="unseen")
    assert (unseen.as_dict()["age"], unseen.as_dict()["latency_ms"]) == (None, None)
    well = Finding(state="up", required=True, age=0, latency=0, since=0, failures=0)
    assert "error" not in well.as_dict()
