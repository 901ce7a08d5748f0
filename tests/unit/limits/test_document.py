"""The limits file, right and wrong."""

from pathlib import Path

import pytest

from bullpen.errors import Misconfigured
from bullpen.limits.document import load_rules, read_rules
from bullpen.limits.rules import BUILT_IN, Penalty, Rule, Rules
from tests.stubs.pages import PROJECT


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "limits.yaml"


def test_the_shipped_limits_are_those_of_the_first_design() -> None:
    """A hundred a minute with ten at once for every user, and no penalty; the same is built in."""
    rules = read_rules(PROJECT / "config" / "limits.yaml")
    assert rules == BUILT_IN
    assert rules.levels["user"] == Rule(rate=100, per=60, burst=10, concurrent=20)
    assert rules.penalty is None


def test_the_example_has_limits_by_the_hour_and_every_exception() -> None:
    """100 for a user, 1,000 for a department, 10,000 for all; a tenant, roles and a route that differ."""
    rules = read_rules(PROJECT / "examples" / "limits" / "by-the-hour.yaml")
    hourly = {level: rule.rate for level, rule in rules.levels.items() if rule.per == 3600}
    assert hourly == {"user": 100, "department": 1000, "global": 10_000}
    assert rules.tenants["acme"]["tenant"] == Rule(tokens_per_minute=2_000_000)
    assert rules.roles["admin"] == {"user": None}
    assert rules.routes["/agent/batch"]["user"] == Rule(rate=20, burst=2)
    assert rules.penalty == Penalty(burst=10, excess=60)


def test_without_a_file_the_built_in_limits_hold(file: Path) -> None:
    """A file that was lost opens nothing; one that is there holds."""
    assert load_rules(file) == BUILT_IN
    file.write_text("levels: {user: {rate: 7}}")
    assert load_rules(file) == Rules(levels={"user": Rule(rate=7)})


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "{}", "penalty: off"])
def test_a_file_without_levels_has_the_built_in_ones(file: Path, text: str) -> None:
    """A file with everything commented out is a file, and opens nothing either."""
    file.write_text(text)
    assert read_rules(file) == BUILT_IN


def test_only_saying_so_limits_nothing(file: Path) -> None:
    """Levels, and none of them."""
    file.write_text("levels: {}")
    assert read_rules(file) == Rules()


@pytest.mark.parametrize(("text", "expected"), [("off", None), ("on", Penalty()), ("{burst: 5}", Penalty(burst=5))])
def test_a_penalty_is_a_word_or_numbers(file: Path, text: str, expected: Penalty | None) -> None:
    """What is left out has the usual length."""
    file.write_text(f"penalty: {text}")
    assert read_rules(file).penalty == expected


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("levels:\n  usr: {rate: 1}", 2, "unknown level `usr`. Did you mean `user`?"),
        ("level: {}", 1, "unknown section `level`. Did you mean `levels`?"),
        ("levels:\n  user:\n    rat: 5", 3, "unknown field `rat`. Did you mean `rate`?"),
        ("levels: {user: {rate: -1}}", 1, "`rate` must be a whole number from 1 to 1000000000, and is `-1`"),
        ("levels: {user: {rate: 0}}", 1, "and is `0`"),
        ("levels: {user: {rate: 1.5}}", 1, "and is `1.5`"),
        ("levels: {user: {rate: .inf}}", 1, "and is `.inf`"),
        ("levels: {user: {rate: yes}}", 1, "and is `yes`"),
        ("levels: {user: {rate: '100'}}", 1, "and is `100`"),
        ("levels: {user: {rate: 99999999999999999999}}", 1, "from 1 to 1000000000"),
        ("levels: {user: {rate: 1e30}}", 1, "and is `1e30`"),
        ("levels: {user: {rate: 1.0e+30}}", 1, "and is `1.0e+30`"),
        ("levels: {user: {rate: .nan}}", 1, "and is `.nan`"),
        ("levels: {user: {rate: -.inf}}", 1, "and is `-.inf`"),
        ("levels: {user: {rate: -0}}", 1, "and is `-0`"),
        ("levels: {user: {rate: 0100}}", 1, "and is `0100`"),
        ("levels: {user: {rate: 0x10}}", 1, "and is `0x10`"),
        ("levels: {user: {rate: 1:40}}", 1, "and is `1:40`"),
        ("levels: {user: {rate: 1_000}}", 1, "and is `1_000`"),
        ("levels: {user: {rate: many}}", 1, "and is `many`"),
        ("levels: {user: {rate: 1, per: 0}}", 1, "`per` must be"),
        ("levels: {user: {rate: 1, per: -60}}", 1, "`per` must be"),
        ("levels: {user: {rate: 1, burst: 0}}", 1, "`burst` must be"),
        ("levels: {user: {tokens_per_minute: -1}}", 1, "`tokens_per_minute` must be"),
        ("levels: {user: {tokens_per_minute: 50000001}}", 1, "from 1 to 50000000"),
        ("levels: {user: {tokens_per_minute: 5, tokens_burst: 1e9}}", 1, "`tokens_burst` must be"),
        ("levels: {user: {concurrent: .inf}}", 1, "`concurrent` must be"),
        ("levels: {user: {concurrent: 1000001}}", 1, "from 1 to 1000000"),
        ("levels: {user: {rate: [1]}}", 1, "and is a list"),
        ("levels: {user: {rate: }}", 1, "and is nothing"),
        ("levels: {user: {rate: 1, per: 86401}}", 1, "from 1 to 86400"),
        ("levels: {user: {rate: 1, burst: 50001}}", 1, "from 1 to 50000"),
        ("levels: {user: {concurrent: 0}}", 1, "`concurrent` must be"),
        ("levels: {user: {rate: 2024-13-45}}", 1, "and is `2024-13-45`"),
        ("levels: {user: {burst: 5}}", 1, "`burst` says nothing without `rate`"),
        ("levels: {user: {tokens_burst: 5}}", 1, "`tokens_burst` says nothing without `tokens_per_minute`"),
        ("levels: {user: {rate: 1, rate: 2}}", 1, "the field `rate` is given twice"),
        ("levels:\n  user: {rate: 1}\n  user: {rate: 2}", 3, "the level `user` is given twice"),
        ("levels: {}\nlevels: {user: {rate: 2}}", 2, "the section `levels` is given twice"),
        ("tenants: {acme: {}}\nroles: {}\ntenants: {}", 3, "the section `tenants` is given twice"),
        ("tenants:\n  acme: {}\n  acme: {}", 3, "the tenant `acme` is given twice"),
        ("tenants: {acme: {user: {rate: -5}}}", 1, "`rate` must be"),
        ("roles: {admin: {user: {concurrent: 0}}}", 1, "`concurrent` must be"),
        ("routes: {/agents: {user: none}}", 1, "expected a mapping by field, and found `none`"),
        ("levels:", 1, "expected a mapping by level, and found nothing"),
        ("levels:\n  user:", 2, "expected a mapping by field, and found nothing"),
        ("levels:\n  user: 100", 2, "expected a mapping by field, and found `100`"),
        ("levels: unlimited", 1, "expected a mapping by level, and found `unlimited`"),
        ("levels: {user: unlimited}", 1, "expected a mapping by field, and found `unlimited`"),
        ("tenants: [acme]", 1, "expected a mapping by tenant, and found a list"),
        ("roles:\n  admn: {user: unlimited}", 2, "unknown role `admn`. Did you mean `admin`?"),
        ("routes: {/agent/exec: {}}", 1, "unknown route `/agent/exec`. Did you mean `/agent/execute`?"),
        ("penalty: maybe", 1, "expected a mapping by field, and found `maybe`"),
        ("penalty: {burst: -3}", 1, "`burst` must be a whole number from 1 to 86400"),
        ("penalty: {excess: 86401}", 1, "`excess` must be a whole number from 1 to 86400"),
        ("penalty: {burst: 1.5}", 1, "and is `1.5`"),
        ("penalty: 10", 1, "expected a mapping by field, and found `10`"),
        ("[1, 2]", 1, "expected a mapping by section, and found a list"),
        ("a: {", 1, "is not valid YAML"),
        ("a: b: c", 1, "is not valid YAML"),
        ("a\x00b", 1, "is not valid YAML"),
        ("[" * 10_000, 1, "is nested too deeply"),
        ("[levels]: {}", 1, "a section must have a name"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(file: Path, text: str, line: int, told: str) -> None:
    """And with what was probably meant."""
    file.write_text(text)
    with pytest.raises(Misconfigured) as caught:
        read_rules(file, roles=["admin", "user"], routes=["/agent/execute", "/agents"])
    (problem,) = caught.value.problems
    assert problem.startswith(f"{file}:{line}: ")
    assert told in problem


def test_every_mistake_is_told_at_once(file: Path) -> None:
    """Three wrong lines, three problems, in their order."""
    file.write_text("levels:\n  usr: {}\n  user: {rate: x}\ntenants:\n  acme:\n    tenant: {per: 0}\n")
    with pytest.raises(Misconfigured) as caught:
        read_rules(file)
    assert [problem.split(":")[1] for problem in caught.value.problems] == ["2", "3", "6"]


@pytest.mark.parametrize("wrong", [b"\xff\xfe", None])
def test_a_file_that_cannot_be_read_is_said_to_be(file: Path, wrong: bytes | None) -> None:
    """Missing, or not text."""
    if wrong:
        file.write_bytes(wrong)
    with pytest.raises(Misconfigured, match="cannot be read"):
        read_rules(file)
