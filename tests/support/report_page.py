"""What a reader finds in a report's page: texts, tables and curves, by html.parser alone."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

_SEGMENT = re.compile(r"([MVH])([-0-9.]+)(?: ([-0-9.]+))?")
_VOID = frozenset(("meta", "br", "img", "link"))


@dataclass
class Drawn:
    """One svg: its curves as they stand, and the ticks by which they are read."""

    title: str = ""
    paths: list[tuple[str, str]] = field(default_factory=list)  # class, d
    bars: list[dict[str, str]] = field(default_factory=list)
    ticks: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # class -> place, value

    def value(self, axis: str, place: float) -> float:
        """Return what the ticks of the axis say of a place in the drawing."""
        (place_0, value_0), *_, (place_1, value_1) = sorted(self.ticks[axis])
        return value_0 + (place - place_0) * (value_1 - value_0) / (place_1 - place_0)

    def steps(self, name: str) -> list[tuple[float, float, float]]:
        """Return the steps of the curve of this class: from, to and value, as the ticks say."""
        found = []
        x = y = 0.0
        for kind, one, other in _SEGMENT.findall(next(d for each, d in self.paths if each == name)):
            if kind == "M":
                x, y = float(one), float(other)
            elif kind == "V":
                y = float(one)
            else:
                found.append((self.value("x", x), self.value("x", float(one)), self.value("y", y)))
                x = float(one)
        return found


class ReadPage(HTMLParser):
    """A page that was read. Raises AssertionError where an element is closed that is not open."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []  # element, name, value
        self.elements: set[str] = set()
        self.drawn: list[Drawn] = []
        self.facts: list[tuple[str, str]] = []
        self.rows: list[list[str]] = []
        self._open: list[str] = []
        self._tick: tuple[str, float] | None = None
        self._term = ""
        self._caption = ""
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.elements.add(tag)
        self.attributes += [(tag, name, value) for name, value in given.items()]
        if tag == "svg":
            self.drawn.append(Drawn(self._caption))
        elif tag == "path":
            self.drawn[-1].paths.append((given["class"], given["d"]))
        elif tag == "rect":
            self.drawn[-1].bars.append(given)
        elif tag == "text" and given.get("class") in ("x", "y"):
            self._tick = given["class"], float(given[given["class"]])
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open, tag
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside == "style" or not data.strip():
            return
        self.texts.append(data)
        if inside == "text" and self._tick is not None:
            name, place = self._tick
            self.drawn[-1].ticks.setdefault(name, []).append((place, float(data)))
            self._tick = None
        elif inside == "figcaption":
            self._caption = data
        elif inside == "dt":
            self._term = data
        elif inside == "dd":
            self.facts.append((self._term, data))
        elif inside in ("td", "th"):
            self.rows[-1][-1] += data

    def chart(self, title: str) -> Drawn:
        """Return the drawing under this caption."""
        return next(each for each in self.drawn if each.title == title)
