"""The page of a model card: one HTML file that loads nothing.

Everything that is written comes as text and is escaped here; the only ready elements
are figures.
"""

import math
from html import escape
from numbers import Integral, Real

__all__ = ["as_frame", "figure_grid", "page", "paragraph", "subheading", "table"]

CSS = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5a6675; --paper: #ffffff;
  --tint: #f2f5f9; --line: #d8dee6; --mark: #1f77b4; --good: #1a7f4b; --bad: #b3402a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e8ef; --soft: #9aa7b6;
  --paper: #14181e; --tint: #1d232b; --line: #343d49; --mark: #6db3e8;
  --good: #5fce94; --bad: #f08a74; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .25rem;
  overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .6rem; padding-bottom: .3rem;
  border-bottom: 2px solid var(--line); }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
p { margin: .4rem 0; max-width: 48rem; }
.soft, figcaption { color: var(--soft); font-size: .9rem; }
.verdict { background: var(--tint); border-left: 4px solid var(--mark);
  padding: .8rem 1rem; margin: 1.2rem 0; font-size: 1.06rem; max-width: none; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: max-content; margin: .6rem 0;
  font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .9rem .3rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); max-width: 34rem;
  overflow-wrap: break-word; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
.number { text-align: right; white-space: nowrap; }
.better { color: var(--good); font-weight: 600; }
.worse { color: var(--bad); font-weight: 600; }
.figures { display: flex; flex-wrap: wrap; gap: 1.2rem; align-items: flex-start; }
figure { margin: 0; background: var(--tint); padding: .8rem; border-radius: 6px;
  max-width: 100%; break-inside: avoid; }
figure svg { display: block; max-width: 100%; height: auto; }
figcaption { margin-bottom: .4rem; }
@media print { :root { --ink: #000; --soft: #444; --paper: #fff; --tint: #fff;
    --line: #bbb; --mark: #1f77b4; --good: #1a7f4b; --bad: #b3402a; }
  main { max-width: none; padding: 0; } body { font-size: 11pt; }
  h2, h3 { break-after: avoid; } tr { break-inside: avoid; }
  .wide { overflow: visible; } table { width: auto; font-size: 9pt; } }
"""


def page(title, sections):
    """A whole document.

    Parameters
    ----------
    title : str
        Its title and first heading.
    sections : dict of str to list of str
        Elements, such as those of the functions below, under their headings. What has
        the heading "" has none; empty ones are left out.

    Returns
    -------
    html : str
        The document.
    """
    body = [f"<h1>{escape(title)}</h1>"]
    for heading, elements in sections.items():
        if not elements:
            continue
        content = [f"<h2>{escape(heading)}</h2>"] if heading else []
        body.append("\n".join(["<section>", *content, *elements, "</section>"]))
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>{CSS}</style>\n</head>",
            "<body>\n<main>",
            *body,
            "</main>\n</body>\n</html>\n",
        ]
    )


def paragraph(text, kind=""):
    """A paragraph; the kind is "", "soft" or "verdict"."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def subheading(text):
    """A heading within a section."""
    return f"<h3>{escape(text)}</h3>"


def table(records, columns=None, formats=None, numbers=()):
    """A table of records.

    Parameters
    ----------
    records : list of dict
        Rows, all with the same keys.
    columns : dict of str to str, default=None
        Headings of the keys to show, in order; by default all keys, as they are.
    formats : dict of str to callable, default=None
        How numbers of a column are written.
    numbers : sequence of str, default=()
        Columns of text that are to be aligned as numbers are.

    Returns
    -------
    html : str
        The element, which scrolls sideways where it is too wide. In the column
        "reading" words such as "better" stand out.
    """
    if columns is None:
        columns = {name: name.replace("_", " ") for name in records[0]}
    formats = (formats or {}) | dict.fromkeys(NAMES, str)
    right = {
        name
        for name in columns
        if name in numbers
        or (name not in NAMES and all(isinstance(row[name], Real) for row in records))
    }
    head = [
        _cell("th", heading, "number" if name in right else "")
        for name, heading in columns.items()
    ]
    lines = []
    for row in records:
        texts = {name: _text(row[name], formats.get(name)) for name in columns}
        cells = [
            _cell("td", text, "number" if name in right else _stands_out(name, text))
            for name, text in texts.items()
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    body = "\n".join(lines)
    return (
        f'<div class="wide"><table>\n<thead><tr>{"".join(head)}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


# Columns of names, which are no quantities even if they are numbers.
NAMES = ("class", "label", "group", "value")


def _stands_out(column, text):
    return text if column == "reading" and text in ("better", "worse") else ""


def _cell(tag, text, kind):
    attribute = f' class="{kind}"' if kind else ""
    return f"<{tag}{attribute}>{escape(text)}</{tag}>"


def _text(value, written=None):
    if isinstance(value, bool) and written is None:
        return "yes" if value else "no"
    if isinstance(value, Real) and math.isnan(value):
        return "n/a"
    if written is not None:
        return written(value)
    if not isinstance(value, Real):
        return str(value)
    return f"{value:,}" if isinstance(value, Integral) else f"{value:.4g}"


def figure_grid(figures):
    """Figures side by side where there is room.

    Parameters
    ----------
    figures : dict of str to str
        Elements by caption.

    Returns
    -------
    html : str
        The element.
    """
    return "\n".join(
        [
            '<div class="figures">',
            *(
                f"<figure><figcaption>{escape(caption)}</figcaption>\n{svg}</figure>"
                for caption, svg in figures.items()
            ),
            "</div>",
        ]
    )


def as_frame(html):
    """A document inside of another one, such as a notebook, with its own style."""
    return (
        '<iframe title="model card" style="width: 100%; height: 42rem; border: 1px '
        f'solid #8886; border-radius: 6px" srcdoc="{escape(html)}"></iframe>'
    )
