"""Figures as SVG elements of a page that loads nothing.

Where a figure is black, it takes the colour of the page's text, light or dark.
"""

import io
import re
from html import escape

__all__ = ["INK", "as_svg"]

INK = "#010203"
STYLE = {
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.hashsalt": "skaug",
    "text.parse_math": False,  # names may have dollars
    "savefig.dpi": 200,  # of points, which are too many for a path each
}


def as_svg(draws, size=(5, 3.6), prefix="f"):
    """Draw figures as ``<svg>`` elements by caption; ImportError without matplotlib."""
    # draws: captions with functions that draw on a Figure; size is in inches. Figures
    # of two calls need two prefixes to be on one page.
    import matplotlib
    from matplotlib.figure import Figure

    figures, times = {}, {}
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        for caption, draw in draws:
            figure = Figure(figsize=size, layout="constrained")
            draw(figure)
            times[caption] = times.get(caption, 0) + 1
            if times[caption] > 1:
                caption += f" #{times[caption]}"
            figures[caption] = _svg(figure, caption, f"{prefix}{len(figures)}-")
    return figures


def _svg(figure, caption, prefix):
    """The figure as an element without metadata; the prefix begins its ids."""
    file = io.StringIO()
    none = {"Creator": None, "Date": None, "Format": None, "Type": None}
    figure.savefig(file, format="svg", metadata=none)
    svg = file.getvalue()
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg[svg.index("<svg") :])
    svg = svg.replace("xlink:href", "href")
    # Ids are numbered, because matplotlib's may depend on addresses in memory.
    used = dict.fromkeys(re.findall(r'(?:url\(|href=")#([^")]+)', svg))
    ids = {name: f"{prefix}{number}" for number, name in enumerate(used)}
    svg = re.sub(
        r' id="([^"]+)"', lambda m: f' id="{ids[m[1]]}"' if m[1] in ids else "", svg
    )
    svg = re.sub(r'(url\(#|href="#)([^")]+)', lambda m: m[1] + ids[m[2]], svg)
    # Text, axes and dark grey lines follow the page.
    svg = re.sub(f"{INK}|#4[cd]4[cd]4[cd]|#000000", "currentColor", svg)
    size = re.search(r'width="([\d.]+)pt" height="[\d.]+pt"', svg)
    width = f'style="width: {float(size[1]):.0f}pt"'
    label = f'role="img" aria-label="{escape(caption)}"'
    return svg.replace(size[0], f"{width} {label}", 1)
