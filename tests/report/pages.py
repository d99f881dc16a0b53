"""Looking at a page as a browser and a screen reader would."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

INLINE = frozenset({"a", "b", "code", "em", "span", "strong", "title"})
VOID = frozenset({"meta", "img", "input", "br", "hr", "link"})


@dataclass
class Element:
    """One element: its attributes, and all text inside."""

    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """All elements of a page, in order; complains about tags that are not closed."""

    source: str
    elements: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[Element] = []
        self.feed(self.source)
        assert not self._open, f"never closed: {[each.tag for each in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1].tag == tag, f"</{tag}> closes {[each.tag for each in self._open[-3:]]}"
        self._open.pop()
        if tag not in INLINE:
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str) -> list[Element]:
        return [each for each in self.elements if each.tag == tag]

    def one(self, tag: str, **attributes: str) -> Element:
        """The only element with these attributes; ``_`` in their names stands for ``-``."""
        wanted = {name.replace("_", "-"): value for name, value in attributes.items()}
        found = [each for each in self.all(tag) if wanted.items() <= each.attributes.items()]
        assert len(found) == 1, f"{len(found)} of <{tag} {wanted}>"
        return found[0]

    @property
    def text(self) -> str:
        return " ".join(self.one("body").text.split())
