"""Secrets that are read again when their files change."""

import asyncio
import os
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest

from bullpen.stores.secrets import Held, Secrets
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock

NAME = "API_SECRET_KEY"


_moments = count(1)


def put(file: Path, content: str | bytes) -> None:
    """Writes it, at a moment of its own: two writes may be closer than a file system's clock tells apart."""
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(file, (0, next(_moments)))


def held(file: Path, value: str = "first") -> Held:
    put(file, f"{value}\n")
    return Held(value, file)


def broken(metrics: Metrics, name: str = NAME) -> float | None:
    return metrics.registry.get_sample_value("bullpen_config_broken", {"file": name})


def test_a_changed_file_is_the_secret_from_then_on(tmp_path: Path) -> None:
    """Whoever listens is told, once; what only looks the same changes nothing."""
    told: list[str | None] = []
    secrets = Secrets({NAME: held(tmp_path / "key"), "OTHER": Held("x")}, metrics=Metrics())
    secrets.subscribe({NAME}, lambda: told.append(secrets.current(NAME)))
    secrets.subscribe({"OTHER"}, lambda: told.append("wrong"))
    for text in ("second\n", " second ", "third"):
        put(tmp_path / "key", text)
        secrets.look()
    assert told == ["second", "third"]
    assert secrets.reader(NAME)() == "third"


def test_a_swapped_link_is_a_change(tmp_path: Path) -> None:
    """Kubernetes mounts a link to a folder, and moves the link to another folder in one step."""
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "key").write_text(f"secret-{version}")
    (tmp_path / "data").symlink_to("1")
    secrets = Secrets({NAME: Held("secret-1", tmp_path / "data" / "key")}, metrics=Metrics())
    (tmp_path / "next").symlink_to("2")
    (tmp_path / "next").rename(tmp_path / "data")
    secrets.look()
    assert secrets.current(NAME) == "secret-2"


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe\xfa", None])
def test_a_file_that_is_wrong_leaves_the_secret_as_it_was(tmp_path: Path, content: bytes | None) -> None:
    """Empty, unreadable or gone: the value before stands and the alarm is raised, until the file is mended."""
    metrics = Metrics()
    secrets = Secrets({NAME: held(tmp_path / "key")}, metrics=metrics)
    (tmp_path / "key").unlink() if content is None else put(tmp_path / "key", content)
    secrets.look()
    assert (secrets.current(NAME), broken(metrics)) == ("first", 1)
    put(tmp_path / "key", "second")
    secrets.look()
    assert (secrets.current(NAME), broken(metrics)) == ("second", 0)


def test_a_refused_value_is_not_taken(tmp_path: Path) -> None:
    """What would have kept the server from starting does not come in later."""

    def check(name: str, value: str) -> Sequence[str]:
        return [f"{name}: too short"] if len(value) < 5 else []

    metrics = Metrics()
    secrets = Secrets({NAME: held(tmp_path / "key")}, metrics=metrics, check=check)
    put(tmp_path / "key", "tiny")
    secrets.look()
    assert (secrets.current(NAME), broken(metrics)) == ("first", 1)


def test_two_files_of_one_name_have_an_alarm_each(tmp_path: Path) -> None:
    """Mounted secrets are often all called `password`: the alarm bears the variable's name."""
    files = {}
    for name in ("DATABASE_PASSWORD", "REDIS_PASSWORD"):
        (tmp_path / name).mkdir()
        files[name] = held(tmp_path / name / "password")
    metrics = Metrics()
    secrets = Secrets(files, metrics=metrics)
    put(tmp_path / "REDIS_PASSWORD" / "password", "")
    put(tmp_path / "DATABASE_PASSWORD" / "password", "second")
    secrets.look()
    assert (broken(metrics, "DATABASE_PASSWORD"), broken(metrics, "REDIS_PASSWORD")) == (0, 1)


def test_the_secret_before_is_accepted_for_the_overlap(tmp_path: Path) -> None:
    """The current one first, the one of `…_PREVIOUS`, then what was replaced; listeners hear when it is over."""
    clock = StillClock()
    previous = {f"{NAME}_PREVIOUS": Held("oldest")}
    secrets = Secrets({NAME: held(tmp_path / "key"), **previous}, metrics=Metrics(), overlap=60, clock=clock)
    heard: list[tuple[str, ...]] = []
    secrets.subscribe({NAME}, lambda: heard.append(secrets.accepted(NAME)))
    put(tmp_path / "key", "second")
    secrets.look()
    clock.pass_time(59)
    secrets.look()
    clock.pass_time(1)
    secrets.look()
    assert heard == [("second", "oldest", "first"), ("second", "oldest")]


def test_a_file_that_keeps_changing_gathers_no_keys(tmp_path: Path) -> None:
    """No more than a few of those before are accepted; one that comes back is accepted once."""
    secrets = Secrets({NAME: held(tmp_path / "key")}, metrics=Metrics())
    for number in range(20):
        put(tmp_path / "key", f"number-{number}")
        secrets.look()
    assert len(secrets.accepted(NAME)) == 5
    put(tmp_path / "key", "number-18")
    secrets.look()
    assert sorted(secrets.accepted(NAME)) == [f"number-{number}" for number in (15, 16, 17, 18, 19)]


def test_one_listeners_defect_keeps_nothing_from_the_others(tmp_path: Path) -> None:
    """The new secret reaches everybody else."""
    secrets, told = Secrets({NAME: held(tmp_path / "key")}, metrics=Metrics()), []

    def defect() -> None:
        raise ZeroDivisionError

    secrets.subscribe({NAME}, defect)
    secrets.subscribe({NAME}, lambda: told.append(1))
    put(tmp_path / "key", "second")
    secrets.look()
    assert told == [1]


async def test_it_keeps_looking_until_it_is_closed(tmp_path: Path) -> None:
    """A change between the reading of the settings and the first look is taken too."""
    secrets, changed = Secrets({NAME: held(tmp_path / "key")}, metrics=Metrics(), every=0.01), asyncio.Event()
    put(tmp_path / "key", "between")
    quiet = Secrets({NAME: Held("first", tmp_path / "key")}, metrics=Metrics(), every=0.01)
    quiet.start()
    assert quiet.current(NAME) == "between"
    await quiet.aclose()
    secrets.subscribe({NAME}, changed.set)
    secrets.start()
    changed.clear()
    put(tmp_path / "key", "third")
    async with asyncio.timeout(10):
        await changed.wait()
    await secrets.aclose()
    assert secrets.current(NAME) == "third"


def test_a_files_age_is_known(tmp_path: Path) -> None:
    """By the time it was written; of a secret from a variable nobody knows."""
    clock = StillClock(now=1_000.0)
    secrets = Secrets({NAME: held(tmp_path / "key"), "OTHER": Held("x")}, metrics=Metrics(), clock=clock)
    os.utime(tmp_path / "key", (400, 400))
    assert (secrets.age(NAME), secrets.age("OTHER"), secrets.age("NONE")) == (600.0, None, None)
    (tmp_path / "key").unlink()
    assert secrets.age(NAME) is None


def test_nothing_shows_a_secret(tmp_path: Path) -> None:
    """Neither the holder nor what it is made from."""
    one = held(tmp_path / "key", "private-value")
    assert "private-value" not in repr(one) + repr(Secrets({NAME: one}, metrics=Metrics()))
