# SPDX-License-Identifier: MIT
"""The files of a validation: scores.json, scores.csv, the pictures, and report.html with all of them."""

import base64
import csv
import html
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from icegen.files import replacing
from icegen.validation import spectra
from icegen.validation.compare import Score, Table
from icegen.validation.evidence import Evidence
from icegen.version import __version__

COLUMNS = ("group", "id", "label", "value", "low", "high", "real", "floor", "over_floor", "units")
HEADINGS = ("archive", "90 % interval", "real", "floor", "archive / floor")  # of the numbers in `score_texts`
GROUP_TITLES = {
    "reconstruction": "Reconstruction: real states encoded and decoded",
    "generation": "Generation: samples compared with the evaluation states of their dates",
    "unconditional": "Samples without date, compared with the whole record; floor: the evaluation states",
}
NOTES = (
    "All sets have the same size: each generated state is compared with the real state of its date, and so is each "
    "state of the floor. If there are more samples than dates, dates get further members and real states count again.",
    "Floor: the score of real states of other years, which are training states of the same calendar month within 4 "
    "years.",
    "90 % interval: years are drawn with replacement, each with all its samples; of a record of fewer than four years, "
    "months are. With several seeds, values are means over them and intervals those of the means.",
    "Blocks are 8 x 8 cells. Anomalies are differences from the mean of the training states of the calendar month; "
    "EOFs are those of these anomalies, of block means of all variables.",
    "Nearest training pattern: distance along EOFs. Each set is scaled to unit variance in each band of EOFs, so "
    "states that are too smooth do not seem nearer.",
    "Each sample is of another member. Spread: standard deviation of samples, of which each date has one, within the "
    "season or calendar month.",
    "Correlations of anomalies after some days: of samples and of the same member's state of the later date, of the "
    "real states of both dates, and, as the floor, of training states; over all pairs of dates and all blocks.",
    "Cells without a value in the source count in no share, histogram, spectrum or error of reconstruction.",
)
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0 1.5rem } h1, h2 { line-height: 1.2 }
td, th { padding: .15rem .9rem .15rem 0; text-align: left; font-weight: normal; vertical-align: top }
th { color: #666; border-bottom: 1px solid #bbb } tr:hover td { background: #f4f4f2 }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
figure { margin: 1.5rem 0 } img { max-width: 100% } figcaption, .note { color: #555; font-size: 14px }
code { overflow-wrap: anywhere }
"""


def write(out: Path, about: Mapping[str, str], table: Table, evidence: Evidence, pictures: Mapping) -> list[Path]:
    """Write all files of the report into the folder ``out``; returns their paths, the page last.

    about: facts of this validation, for the page's head and the JSON.  pictures: name to caption and figure.
    """
    images = {}
    for name, (_, figure) in pictures.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=130)
        images[name] = buffer.getvalue()
    contents = {
        "scores.json": json.dumps(to_json(about, table, evidence), indent=1, allow_nan=False).encode(),
        "scores.csv": to_csv(table).encode(),
        **{f"{name}.png": image for name, image in images.items()},
        "report.html": page(
            about, table, {name: (pictures[name][0], image) for name, image in images.items()}
        ).encode(),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        with replacing(out / name) as partial:
            partial.write_bytes(content)
    return [out / name for name in contents]


def to_json(about: Mapping[str, str], table: Table, evidence: Evidence) -> dict:
    """Scores by group and id, what was left out, and the spectra they come from."""
    groups: dict[str, dict] = {}
    for s in table.scores:
        entry = {key: getattr(s, key) for key in COLUMNS[2:] if getattr(s, key) is not None}
        groups.setdefault(s.group, {})[s.id] = entry
    found: dict[str, Any] = {"about": dict(about), "scores": groups, "left_out": table.left_out}
    for name, pair in evidence.spectra.items():
        if pair.used:
            states, real = pair.power()
            wavelength = (spectra.wavelengths(pair.size, evidence.spacing) / 1000).tolist()
            found.setdefault("spectra", {"wavelength_km": wavelength})[name] = {
                v.id: {"states": states[i].tolist(), "real": real[i].tolist()} for i, v in enumerate(evidence.variables)
            }
    return found


def to_csv(table: Table) -> str:
    """A line for each score; empty where there is no such number."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(s, key) for key in COLUMNS] for s in table.scores)
    return text.getvalue()


def score_texts(score: Score) -> list[str]:
    """The numbers and the unit of a score as the tables show them."""
    value, *others = ("" if x is None else f"{x:.4g}" for x in (score.value, score.real, score.floor, score.over_floor))
    interval = "" if score.low is None or score.high is None else f"{score.low:.3g} to {score.high:.3g}"
    return [value, interval, *others, "" if score.units == "1" else score.units]


def page(about: Mapping[str, str], table: Table, images: Mapping[str, tuple[str, bytes]]) -> str:
    """The report as one HTML page, pictures inside."""
    name = html.escape(about["archive"])
    parts = ["<!doctype html>", '<html lang="en">', '<meta charset="utf-8">',
             '<meta name="viewport" content="width=device-width">', f"<title>Scores of {name}</title>",
             f"<style>{STYLE}</style>", f"<h1>Scores of {name}</h1>", "<table>"]  # fmt: skip
    for key, value in about.items():
        parts.append(
            f"<tr><td>{html.escape(key.replace('_', ' '))}</td><td><code>{html.escape(value)}</code></td></tr>"
        )
    parts.append("</table>")
    for group, title in GROUP_TITLES.items():
        scores = [s for s in table.scores if s.group == group]
        if not scores:
            continue
        rows = [score_texts(s) for s in scores]
        shown = [k for k in range(len(HEADINGS)) if any(row[k] for row in rows)]
        head = "".join(f'<th class="n">{HEADINGS[k]}</th>' for k in shown)
        parts += [f"<h2>{title}</h2>", "<table>", f"<tr><th>score</th>{head}<th></th></tr>"]
        for s, row in zip(scores, rows, strict=True):
            numbers = "".join(f'<td class="n">{row[k]}</td>' for k in shown)
            parts.append(f"<tr><td>{html.escape(s.label)}</td>{numbers}<td>{html.escape(row[-1])}</td></tr>")
        parts.append("</table>")
    if table.left_out:
        parts += ["<h2>Left out</h2>", "<ul>"]
        parts += [f"<li>{html.escape(what)}: {html.escape(why)}</li>" for what, why in table.left_out.items()]
        parts.append("</ul>")
    parts += [f'<p class="note">{html.escape(note)}</p>' for note in NOTES]
    for key, (caption, image) in images.items():
        source = base64.b64encode(image).decode()
        parts.append(f'<figure><img alt="{html.escape(key)}" src="data:image/png;base64,{source}">'
                     f"<figcaption>{html.escape(caption)}</figcaption></figure>")  # fmt: skip
    parts.append(f'<p class="note">icegen {__version__}</p></html>')
    return "\n".join(parts) + "\n"
