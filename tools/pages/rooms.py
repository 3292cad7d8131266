"""The rooms of the house, by what they import: the table and the picture of docs/architecture.md.

Promises: a room's sentence is that of its `__init__`; arrows are the imports that there are.

ROOMS, CORE and SIMULATOR are the order: a room may import from those before it alone. They stand between
`<!-- rooms: table -->`, `picture` or `simulator`, and `<!-- end -->`.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_OURS = ("telemetry", "firmware_sim")
HALL = "hall"
ROOMS = (
    *(
        HALL,
        "picture",
        "settings",
        "model",
        "databases",
        "rules",
        "framing",
        "protocols",
        "charging",
        "logs",
        "spool",
        "blackbox",
        "sinks",
        "health",
    ),
    *("live", "web", "vehicles", "sources"),
    *(
        "config",
        "stages",
        "service",
        "decode",
        "tables",
        "lake",
        "overview",
        "retention",
        "capture",
        "scrub",
        "scan",
        "look",
        "monitor",
        "demo",
        "__main__",
        "cli",
    ),
    "__init__",
)
CORE = (
    *("hall", "frames", "rows", "decode", "transport", "logs", "serial", "rules", "charge", "health"),
    *("text", "columns"),
)
# Three files, the rooms, and all other files, which join them.
SIMULATOR = ("units", "errors", "table", "plant", "wire", "ecus", "faults", "links", "scenarios")
ALONE = ("config", "__main__", "__init__")  # one file each, with a place of its own in the order
_CORE_NAME = re.compile(r"\btelemetry_core\.(\w+)\b")
_BLOCK = re.compile(r"(?<=<!-- rooms: )(table|picture|simulator)( -->\n).*?(?=<!-- end -->)", re.DOTALL)

Arrows = Mapping[tuple[str, str], list[str]]  # (importing room, imported room) -> files that do


@cache
def imports() -> Arrows:
    """Return every import of one room of `telemetry/` from another."""
    return _arrows("telemetry", ROOMS, HALL)


@cache
def simulator_imports() -> Arrows:
    """Return every import of one room of `firmware_sim/` from another, or from a package of ours."""
    return _arrows("firmware_sim", SIMULATOR, SIMULATOR[-1])


def _arrows(package: str, rooms: Sequence[str], loose: str) -> Arrows:
    """Return the imports between rooms of a package; loose: the room of the files that are in none.

    Another package is a room. The simulator lies below all rooms of telemetry, which may import it.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for file in sorted((ROOT / package).rglob("*.py")):
        module = file.relative_to(ROOT).with_suffix("").parts
        for imported in _imported(ast.parse(file.read_text("utf-8"))):
            arrow = (_room(module, rooms, loose), _room(imported.split("."), rooms, loose))
            if imported.split(".")[0] != package:
                arrow = (arrow[0], imported.split(".")[0])
            if arrow[0] != arrow[1] and arrow[1] != "firmware_sim":
                found.setdefault(arrow, []).append(str(file.relative_to(ROOT)))
    return found


def core_imports() -> Arrows:
    """Return every import of one room of the compiled core from another."""
    found: dict[tuple[str, str], list[str]] = {}
    core = ROOT / "ext" / "telemetry_core"
    for file in sorted(file for file in core.rglob("*") if file.suffix in (".py", ".pyi", ".pyx", ".pxd")):
        parts = file.relative_to(core).parts
        room = parts[0] if len(parts) > 1 else HALL
        for line in file.read_text("utf-8").splitlines():
            name = _CORE_NAME.search(line) if "import" in line else None
            other = name[1] if name and name[1] in CORE else HALL
            if name and other != room:
                found.setdefault((room, other), []).append(str(file.relative_to(ROOT)))
    return found


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] in _OURS)
        elif isinstance(node, ast.ImportFrom) and node.module in _OURS:
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _OURS:
            yield node.module or ""


def _room(module: Sequence[str], rooms: Sequence[str], loose: str) -> str:
    """Return the folder of a module below its package, or the room of the loose files."""
    return module[1] if len(module) > 1 and module[1] in rooms else loose


def sentence(folder: Path) -> str:
    """Return what belongs in a folder: the first paragraph of its `__init__`."""
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split())


def table() -> Iterator[str]:
    """Return a row for each room, from those that rely on nothing to those that rely on all."""
    yield "| room | what belongs there |"
    yield "| --- | --- |"
    yield "| `telemetry/` | The hall: a few small files that every room may use. |"
    yield from _rows("telemetry", [room for room in ROOMS if room != HALL and room not in ALONE])
    yield from _rows("ext/telemetry_core", CORE[1:])
    yield from _rows("firmware_sim", SIMULATOR[3:-1])
    yield "| `firmware_sim/` | Scenarios: what a file says, played tick by tick into frames and bytes. |"


def _rows(folder: str, rooms: tuple[str, ...] | list[str]) -> Iterator[str]:
    for room in rooms:
        yield f"| `{folder}/{room}/` | {sentence(ROOT / folder / room)} |"


def picture() -> Iterator[str]:
    """Yield who imports whom, in Mermaid, less what follows from other arrows."""
    yield from _mermaid(ROOMS, (arrow for arrow in imports() if HALL not in arrow and arrow[0] not in ALONE))


def simulator() -> Iterator[str]:
    """Draw who imports whom in the simulator, as `picture` does."""
    yield from _mermaid(SIMULATOR, (arrow for arrow in simulator_imports() if arrow[1] not in SIMULATOR[:3]))


def _mermaid(rooms: Sequence[str], arrows: Iterable[tuple[str, str]]) -> Iterator[str]:
    above: dict[str, set[str]] = {}
    for importing, imported in arrows:
        above.setdefault(importing, set()).add(imported)
    yield "```mermaid"
    yield "graph BT"
    for room in rooms:
        direct = above.get(room, set())
        implied = {far for near in direct for far in _reach(near, above)}
        yield from (f"    {room} --> {other}" for other in sorted(direct - implied, key=rooms.index))
    yield "```"


def _reach(room: str, above: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    rooms = [room]
    while rooms:
        new = above.get(rooms.pop(), set()) - found
        found |= new
        rooms += new
    return found


def rewritten(page: str) -> str:
    """`page` with its table and picture made again."""
    blocks = {"table": table, "picture": picture, "simulator": simulator}
    return _BLOCK.sub(
        lambda match: match[1] + match[2] + "".join(f"{line}\n" for line in blocks[match[1]]()), page
    )
