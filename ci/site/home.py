# SPDX-License-Identifier: MIT
"""A hook of MkDocs: the first page has no list of pages beside it, so that its code has room."""

from mkdocs.structure.pages import Page


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """The text of a page as it is; its settings change."""
    if page.is_homepage:
        page.meta["hide"] = ["navigation"]
    return markdown
