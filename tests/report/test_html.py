"""report.html."""

import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from loadtest.report import figures, html, model
from loadtest.report.series import Frames
from loadtest.report.timeline import timeline
from tests.report.synthetic import Story, frames, meta, summary

VOID = frozenset({"meta", "img", "source", "br", "link", "hr", "input"})


class Reader(HTMLParser):
    """Checks that tags balance and collects what the tests ask for."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.mistakes: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.mistakes.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _page(story: Story, *, pictures: bool = False, **values: object) -> str:
    hists, counts, gauges, notes = frames(story)
    drawn = {}
    if pictures:
        drawn = figures.draw(Frames(hists, counts, gauges, 1.0), timeline(hists, counts, notes, 1.0))
    return html.page(model.view(summary(story, **values), meta(story, **values), notes, "reports/made-up"), drawn)


def _read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


@pytest.mark.parametrize(
    "story",
    [Story(), Story(lost_share=0.02, leaked=1), Story(breached=(1, 2)), Story(emissions=0, agents=0), Story(hold=0)],
)
def test_tags_balance(story: Story) -> None:
    """Every element that is opened is closed in order, in every kind of run."""
    reader = _read(_page(story))

    actual = (reader.mistakes, reader.open)

    assert ([], []) == actual


def test_ids_are_unique_and_every_link_has_its_place() -> None:
    """The page's own links lead somewhere."""
    reader = _read(_page(Story()))
    links = {str(attrs["href"])[1:] for tag, attrs in reader.tags if tag == "a"}

    actual = (len(reader.ids) - len(set(reader.ids)), links - set(reader.ids))

    assert (0, set()) == actual


def test_the_page_asks_nobody_for_anything() -> None:
    """No script, no link to outside; every image is in the page itself."""
    reader = _read(_page(Story(), pictures=True))
    sources = [str(attrs[name]) for _, attrs in reader.tags for name in ("src", "srcset", "href") if name in attrs]

    actual = (
        [s[:40] for s in sources if not s.startswith(("data:image/svg+xml;base64,", "#"))],
        [tag for tag, _ in reader.tags if tag in {"script", "link", "iframe", "object", "form"}],
        re.findall(r"url\(|@import", html._style()),
    )

    assert ([], [], []) == actual


def test_no_address_is_written_but_the_targets() -> None:
    """The only "http" in the page is the target that was tested."""
    page = _page(Story(), pictures=True)

    actual = set(re.findall(r"https?:[^\s<\"]*", page))

    assert {"http://127.0.0.1:41235"} == actual


def test_every_figure_is_there_for_both_pages_and_in_words() -> None:
    """Each image has a dark partner and an alternative text."""
    reader = _read(_page(Story(), pictures=True))
    images = [attrs for tag, attrs in reader.tags if tag == "img"]
    partners = [attrs for tag, attrs in reader.tags if tag == "source"]

    actual = (
        len(images),
        {str(attrs["media"]) for attrs in partners},
        len(partners),
        [attrs for attrs in images if not attrs["alt"]],
    )

    assert (6, {"screen and (prefers-color-scheme: dark)"}, 6, []) == actual


def test_texts_from_outside_are_escaped() -> None:
    """A server that calls itself a script is shown, not run."""
    page = _page(Story(), embedded=False)

    actual = ("<script>alert" in page, "&lt;script&gt;alert(1)&lt;/script&gt;" in page)

    assert (False, True) == actual


def test_the_page_declares_its_language_and_headings() -> None:
    """Screen readers know the language; every table has headings with a scope."""
    reader = _read(_page(Story()))
    headings = [attrs for tag, attrs in reader.tags if tag == "th"]

    actual = (
        [attrs.get("lang") for tag, attrs in reader.tags if tag == "html"],
        {attrs.get("scope") for attrs in headings},
        sum(tag == "table" for tag, _ in reader.tags) == sum(tag == "caption" for tag, _ in reader.tags),
    )

    assert (["en"], {"row", "col"}, True) == actual


def test_the_verdict_comes_before_everything_else() -> None:
    """The first heading of the body is the verdict."""
    text = "".join(_read(_page(Story(lost_share=0.02))).text)

    actual = text.index("FAIL", text.index("run")) < text.index("What was tested") < text.index("How to read it")

    assert actual


def test_a_run_of_nothing_has_a_page() -> None:
    """Each section says that there is nothing."""
    page = html.page(model.view({}, {}, frames(Story())[3].iloc[:0], "r"), {})

    actual = [
        text
        for text in ("No check was made.", "No event was expected or seen.", "Nothing was noted.")
        if text not in page
    ]

    assert [] == actual


def test_options_are_set_as_code_and_still_escaped() -> None:
    """An option is not broken at its hyphens, and markup beside it stays text."""
    actual = html.prose("use --emit-rate <b>")

    assert actual == 'use <code class="option">--emit-rate</code> &lt;b&gt;'


def test_evidence_is_folded_and_escaped() -> None:
    """A frame is text whatever is in it, and opens on demand."""
    notes = frames(Story())[3]
    data = {"kind": "wrong_type", "event": "e", "role": "agent", "frame": {"<script>alert(1)</script>": "string(3)"}}
    row = pd.DataFrame([(1.0, "violation", "<b>", data)], columns=["at_s", "kind", "text", "data"])
    page = html.page(model.view(summary(Story()), meta(Story()), pd.concat([notes, row]), "r"), {})
    reader = _read(page)

    folds = page.count("<summary>Evidence of wrong_type")

    actual = ("<script>" in page, "<b>" in page, folds, reader.mistakes)

    assert (False, False, 1, []) == actual


def test_the_contract_says_which_events_were_driven() -> None:
    """In a sentence, and event by event in a table."""
    page = _page(Story())

    actual = ("Events driven: 2 of 13; not driven: " in page, "Events of the contract, over the whole run" in page)

    assert (True, True) == actual


def test_what_stands_between_backticks_is_code() -> None:
    """With its options, escaped; a lone backtick is itself."""
    actual = html.prose("see `loadtest sizing --rate 5 <b>` and a ` alone")

    assert actual == "see <code>loadtest sizing --rate 5 &lt;b&gt;</code> and a ` alone"
