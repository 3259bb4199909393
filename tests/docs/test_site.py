# SPDX-License-Identifier: MIT
"""The documentation site that ci/docs builds."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from compiled import ROOT

if not (ROOT / ".venv/bin/mkdocs").exists():
    pytest.skip("there is no .venv/bin/mkdocs; run ci/setup", allow_module_level=True)


def build(checkout: Path, out: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [checkout / "ci/docs", "--out", out], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy of what the site is made from, which a test may change."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("ci", "docs", "torchscript"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.pt"))
    for name in ("include", "examples", "hosts"):
        shutil.copytree(ROOT / "fortran_bridge" / name, folder / "fortran_bridge" / name)
    for path in (ROOT / "mkdocs.yml", ROOT / "LICENSE", *ROOT.glob("*.md")):
        shutil.copy(path, folder)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site of this checkout."""
    out = tmp_path_factory.mktemp("docs")
    done = build(ROOT, out)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_every_page_is_built(site):
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        place = page.relative_to(ROOT).with_suffix(".html")
        assert (site / place.with_name(place.name.replace("README", "index"))).is_file()


def test_needs_no_network(site):
    """No page loads a script, a style, a font or a picture from elsewhere."""
    loaded = re.compile(r'<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)="?((?:https?:)?//[^"\s>]+)')
    for page in site.rglob("*.html"):
        assert loaded.findall(page.read_text()) == [], page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//", style.read_text()), style


def test_search_finds_what_a_page_says(site):
    index = (site / "search/search_index.json").read_text()
    for words in ("icegen_fill_categories_f64", "ICEGEN_REQUEST_SLOT", "kl_weight", "archive_sha256"):
        assert words in index


def test_formulas_are_drawn(checkout, tmp_path):
    page = checkout / "docs/science.md"
    page.write_text(page.read_text() + "\nWith $\\gamma$ the log-SNR:\n\n$$\nx = \\alpha z - \\sigma v\n$$\n")
    done = build(checkout, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (tmp_path / "docs/science.html").read_text()
    inline, block = re.findall(r"<math .*?</math>", text)[-2:]
    assert "<mi>&#x003B3;</mi>" in inline
    assert 'display="inline"' in inline
    assert 'display="block"' in block
    assert "$" not in block


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[a page](nowhere.md)\n", "nowhere.md"),
        ("[a heading](design.md#nowhere)\n", "#nowhere"),
        ("![a figure](images/nowhere.png)\n", "nowhere.png"),
    ],
)
def test_refuses_a_broken_link(text, words, checkout, tmp_path):
    page = checkout / "docs/guide.md"
    whole = page.read_text()
    page.write_text(whole + text)
    done = build(checkout, tmp_path)
    page.write_text(whole)
    assert done.returncode != 0
    assert words in done.stdout + done.stderr


def test_refuses_a_page_that_is_not_in_the_navigation(checkout, tmp_path):
    page = checkout / "docs/hidden.md"
    page.write_text("# Hidden\n")
    done = build(checkout, tmp_path)
    page.unlink()
    assert done.returncode != 0
    assert "hidden.md" in done.stdout + done.stderr
