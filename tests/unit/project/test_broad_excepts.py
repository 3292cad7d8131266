"""No handler of every exception swallows one: each is listed here with the trace that it leaves."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
ROOMS = ("telemetry", "firmware_sim")
BROAD = {"Exception", "BaseException"}
AGAIN = "raise"
TRACES = {
    ("firmware_sim/links/serial_line.py", "open"): [AGAIN],
    ("telemetry/__main__.py", "_run"): ["print_exc"],
    ("telemetry/cli/output.py", "_leaving_nothing_empty"): [AGAIN],
    ("telemetry/databases/formats/parse.py", "_load"): [AGAIN],
    ("telemetry/decode/in_order.py", "_take"): ["_Failed"],  # raised where the results are fetched
    ("telemetry/decode/in_order.py", "_work"): ["_Failed"],
    ("telemetry/decode/influx.py", "_deliver"): [AGAIN],
    ("telemetry/lake/engines.py", "done_by"): ["error"],  # returned: the outcome of the work tells it
    ("telemetry/stages/memory.py", "unpack_memory"): [AGAIN],
    ("telemetry/live/status_socket.py", "_serve"): ["exception"],
    ("telemetry/logs/content.py", "__init__"): [AGAIN],
    ("telemetry/logs/log.py", "__init__"): [AGAIN],
    ("telemetry/logs/mf4.py", "__init__"): [AGAIN, AGAIN],
    ("telemetry/logs/mf4.py", "_has_channel_0"): ["warning"],
    ("telemetry/logs/python_can.py", "_all_messages"): ["_add_damage"],  # counted, and its place reported
    ("telemetry/logs/python_can.py", "reader"): [AGAIN],
    ("telemetry/monitor/feeds.py", "_run"): ["_failure"],  # raised by the next `read`
    ("telemetry/plugins.py", "blaming"): [AGAIN],
    ("telemetry/service/attempts.py", "make"): ["exception"],
    ("telemetry/service/attempts.py", "take_all"): ["exception"],
    ("telemetry/service/committing.py", "_remove_orphans"): ["exception"],
    ("telemetry/service/committing.py", "_run"): ["_on_failure"],  # the service ends with it
    ("telemetry/service/reload.py", "_prepare"): ["exception"],
    ("telemetry/service/service.py", "run"): ["_fail"],  # raised once all is stored
    ("telemetry/sinks/sink.py", "_run"): ["_on_failure"],
    ("telemetry/sources/can/sockets.py", "_closed_on_error"): [AGAIN],
    ("telemetry/sources/reconnect.py", "keep_connected"): ["error"],
    ("telemetry/sources/replay/source.py", "run"): ["exception"],
    ("telemetry/sources/running.py", "_last_counts"): ["error"],
    ("telemetry/sources/running.py", "_run"): ["error"],
    ("telemetry/stopping.py", "__enter__"): [AGAIN],
    ("telemetry/web/server.py", "_go_on"): ["exception"],
    ("telemetry/web/server.py", "_read"): ["exception"],
    ("telemetry/web/server.py", "_serve"): ["exception"],
    ("telemetry/web/server.py", "_update"): ["exception"],
}


def broad_handlers(tree: ast.AST, function: str = "") -> Iterator[tuple[str, ast.ExceptHandler]]:
    """Yield the handlers of all exceptions, each with the function that it is in."""
    for node in ast.iter_child_nodes(tree):
        name = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function
        if isinstance(node, ast.ExceptHandler) and is_broad(node.type):
            yield name, node
        yield from broad_handlers(node, name)


def is_broad(caught: ast.expr | None) -> bool:
    named = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return caught is None or any(isinstance(each, ast.Name) and each.id in BROAD for each in named)


def traces(handler: ast.ExceptHandler) -> set[str]:
    """Return the names that the handler calls or sets, and whether it raises again."""
    found = set()
    for node in ast.walk(handler):
        if isinstance(node, ast.Raise):
            found.add(AGAIN)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Name):
            found.add(node.id)
    return found


@cache
def trees() -> dict[str, ast.Module]:
    """Return what each file of the rooms holds, by its name."""
    files = (file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py")))
    return {file.relative_to(ROOT).as_posix(): ast.parse(file.read_text()) for file in files}


def test_each_handler_of_every_exception_is_listed_with_the_trace_that_it_leaves() -> None:
    listed: dict[tuple[str, str], list[str]] = {}
    for name, tree in trees().items():
        for function, handler in broad_handlers(tree):
            known = TRACES.get((name, function), [])
            kept = [trace for trace in known if trace in traces(handler)]
            place = f"{name}:{handler.lineno} ({function}) swallows what it catches, or is not listed"
            assert kept, place
            listed.setdefault((name, function), []).append(kept[0])
    assert listed == TRACES


def test_nothing_suppresses_every_exception() -> None:
    for name, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
                assert not any(is_broad(argument) for argument in node.args), f"{name}:{node.lineno}"


def test_a_handler_that_swallows_is_seen() -> None:
    swallowing = ast.parse("def f():\n try:\n  g()\n except (OSError, Exception):\n  pass\n")
    ((name, handler),) = broad_handlers(swallowing)
    assert (name, traces(handler) & {AGAIN, "exception", "_on_failure"}) == ("f", set())
