"""report.html: one self-contained page, no script, no request to anywhere.

Figures are SVG in data URIs, for a light and a dark page; the browser picks by ``prefers-color-scheme`` and prints the
light ones. Every text is escaped by the template engine: names of events and servers come from strangers.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from loadtest.report.ink import Picture
from loadtest.report.model import Report

_UNIT = re.compile(r"(\d) (?=%|(?:ms|s|min|h)\b)")
_CODE = re.compile(r"`([^`]+)`")
_OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]*[a-z])")
_ASSETS = Path(__file__).parent / "assets"


def page(report: Report, pictures: Mapping[str, Picture]) -> str:
    """The page as text.

    Args:
        report: what it says.
        pictures: the figures by name; one that a section names and that is not here is left out.
    """
    return _template().render(report=report, pictures=pictures, css=_style())


def data_uri(svg: str) -> str:
    """An SVG document as the address of an image."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode("ascii")


def prose(text: str) -> Markup:
    """A sentence, escaped, whose command-line options and numbers with units are not broken over two lines.

    What stands between backticks is code, options in it included.
    """
    parts = _CODE.split(_UNIT.sub("\\1\u00a0", str(escape(text))))
    for at, part in enumerate(parts):
        parts[at] = f"<code>{part}</code>" if at % 2 else _OPTION.sub(r'<code class="option">\1</code>', part)
    return Markup("".join(parts))  # noqa: S704 - escaped just here


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_ASSETS),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["data_uri"] = data_uri
    environment.filters["prose"] = prose
    return environment.get_template("report.html")


@cache
def _style() -> Markup:
    """The style sheet, which is ours and holds nothing to escape."""
    return Markup((_ASSETS / "report.css").read_text(encoding="utf-8"))  # noqa: S704 - a file of this package
