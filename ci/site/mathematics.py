# SPDX-License-Identifier: MIT
"""A hook of MkDocs: formulas become MathML, which browsers draw without scripts, fonts or a network."""

import html
import re

from latex2mathml.converter import convert

FORMULA = re.compile(r'<(span|div) class="arithmatex">(?:\\\((.*?)\\\)|\\\[(.*?)\\\])</\1>', re.S)


def on_page_content(content: str, **_: object) -> str:
    """Formulas as pymdownx.arithmatex marks them, in the HTML of a page."""
    return FORMULA.sub(mathml, content)


def mathml(found: re.Match[str]) -> str:
    """One formula."""
    kind, inline, block = found.groups()
    formula = convert(html.unescape(inline or block), display="inline" if inline else "block")
    return f'<{kind} class="formula">{formula}</{kind}>'
