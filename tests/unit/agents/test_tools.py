"""The toolbox: an allow-list by name."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from agno.models.message import Message

from bullpen.agents import Toolbox
from bullpen.errors import DependencyDown, Misconfigured
from tests.stubs.ports import free_port
from tests.stubs.scripted import Turn, calls, last
from tests.stubs.stage import stage


def box(folder: Path, text: str) -> Toolbox:
    file = folder / "tools.yaml"
    file.write_text(text, "utf-8")
    return Toolbox.load(file)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: {tolkit: 'x:y'}", "unknown field `a.tolkit`. Did you mean `toolkit`?"),
        ("a: {}", "give one of `toolkit`, `function` or `mcp`"),
        ("a: {function: 'tests.stubs.own:who', arguments: {b: 1}}", "`arguments` go with `toolkit`"),
        ("a: {toolkit: 'tests.stubs.own:who'}", "is not an Agno toolkit"),
        ("a: {function: 'tests.stubs.own:Verdict'}", "is not a function"),
        ("a: {function: 'tests.stubs.own:woh'}", "Did you mean `who`?"),
        ("a: {toolkit: 'tests.stubs.own:Counter', arguments: {begin: 1}}", "unexpected keyword argument 'begin'"),
        ("a: {toolkit: 'agno.tools.duckdb:DuckDbTools'}", "cannot import `agno.tools.duckdb`"),
        ("a: {mcp: {command: x, url: 'http://127.0.0.1:1/mcp'}}", "give either `command` or `url`"),
        ("a: {mcp: {comand: x}}", "Did you mean `command`?"),
        ("a: 3", "valid mapping"),
    ],
)
def test_a_mistake_is_told_with_file_and_line_and_its_name_stays_known(
    tmp_path: Path, text: str, expected: str
) -> None:
    """A missing package of a toolkit is one of them: it is found at start and not by a caller."""
    found = box(tmp_path, f"\n{text}")
    assert any(one.startswith(f"{tmp_path / 'tools.yaml'}:2: ") and expected in one for one in found.problems)
    assert found.names == {"a"}


def test_no_file_is_an_empty_toolbox(tmp_path: Path) -> None:
    """Agents without tools need no file."""
    assert Toolbox.load(tmp_path / "tools.yaml").names == frozenset()


def test_toolkits_are_made_anew_each_time_with_their_arguments(tmp_path: Path) -> None:
    """Instances of an agent with stateful tools must not share them."""
    found = box(tmp_path, "a: {toolkit: 'tests.stubs.own:Counter', arguments: {start: 5}}")
    (one,), (two,) = found.tools(["a"]), found.tools(["a"])
    assert one is not two
    assert one.next() == two.next() == "6"
    assert found.calls == {"next"}


async def test_all_servers_that_are_away_are_named_at_start(tmp_path: Path) -> None:
    """And those that are there are closed again."""
    url = f"http://127.0.0.1:{free_port()}/mcp"
    server = Path(__file__).parents[2] / "stubs" / "mcp_server.py"
    found = box(
        tmp_path,
        f"here: {{mcp: {{command: '{sys.executable}', args: ['{server}']}}}}\n"
        f"gone: {{mcp: {{url: '{url}'}}}}\n"
        "lost: {mcp: {command: /no/such/program}}\n",
    )
    with pytest.raises(Misconfigured) as raised:
        await found.start()
    assert [("gone" in one, "lost" in one) for one in raised.value.problems] == [(True, False), (False, True)]
    with pytest.raises(Misconfigured, match="`here` is not connected"):
        found.tools(["here"])


async def test_each_server_can_be_asked_whether_it_is_there(tmp_path: Path) -> None:
    """By name, for the health report; before the start it is not."""
    found = box(tmp_path, "here: {mcp: {command: x}}\nadd: {function: 'operator:add'}\n")
    assert list(found.servers) == ["here"]
    with pytest.raises(DependencyDown, match="`here` is away"):
        await found.servers["here"]()


def test_a_name_given_in_two_documents_is_a_mistake(tmp_path: Path) -> None:
    """The last one would win without a word."""
    found = box(tmp_path, "add: {function: 'operator:add'}\n---\nadd: {function: 'operator:sub'}\n")
    assert [problem.partition("tools.yaml:")[2] for problem in found.problems] == ["3: `add` is given twice"]


@contextmanager
def searxng() -> Iterator[tuple[str, list[str]]]:
    """A search engine that knows one thing."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = b'{"results": [{"title": "The bullpen"}, {"title": "Two"}]}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_web_search_needs_nothing_but_a_search_engine(tmp_path: Path) -> None:
    """The commented example of the shipped tools.yaml works as it stands there."""

    def script(messages: Sequence[Message]) -> Turn:
        return last(messages) if messages[-1].role == "tool" else calls("search_web", query="relief pitcher")

    with searxng() as (host, asked):
        tools = f"web: {{toolkit: 'agno.tools.searxng:Searxng', arguments: {{host: '{host}', fixed_max_results: 1}}}}"
        async with stage(tmp_path, "type: it\ntools: [web]", tools=tools, script=script) as it:
            assert await it.run("it") == '{"results": [{"title": "The bullpen"}]}'
    assert asked == ["/search?format=json&q=relief%20pitcher"]
