"""Which augmentation helps, on which data, at what cost? Arms x sets x draws.

skaug/comparison/methods.py has the arms, and data.py the sets. Each cell is a file in
the output folder: started again after a kill, the command goes on. It writes
methods.md, .json and .png there, and --summary FILE.json writes them to results/.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path

from data import SETS, task
from methods_claims import claims_of
from runs import RESULTS, commit, fill_page, list_of_claims, origin, study_parser
from skaug.comparison import Budgets, Differences, heat_map, run_study, summary
from skaug.comparison.cell import write


def run(options, folder):
    """Run the cells that are missing, and return all with what they were made with."""
    tasks = [task(name) for name in options.sets]
    if options.seeds is not None:
        tasks = [replace(one, n_seeds=options.seeds) for one in tasks]
    budgets = Budgets().shorter(options.shorter)
    cells = run_study(tasks, folder, options.methods, budgets, options.n_jobs, 1)
    return {
        "origin": f"commit {commit()}, {origin('imbalanced-learn')}",
        "budgets": asdict(budgets),
        "overlapping": [one.name for one in tasks if one.leaves_out],
        "cells": cells,
    }


def main():
    parser = study_parser(__doc__, SETS, seeds=None)
    parser.add_argument("--methods", nargs="+", help="all by default")
    parser.add_argument("--shorter", type=float, default=1, help="divide steps by this")
    parser.add_argument("--claims", action="store_true", help="assert them")
    options, folder = parser.parse_args(), RESULTS
    if options.summary:
        data = json.loads(Path(options.summary[0]).read_text())
    else:
        folder = Path(options.output or "bench_methods")
        data = run(options, folder)
    cells, overlapping = data["cells"], data["overlapping"]
    found = Differences(cells, overlapping)
    claims = dict(claims_of(found)) if options.claims else {}
    text = summary(cells, overlapping, data["origin"])
    text = "\n".join([*list_of_claims(claims.items()), "", text])
    fill_page(folder / "methods.md", "Which augmentation helps?", text)
    for cell in cells:  # Losses of all settings are in the files of the cells.
        cell.pop("inner", None)
    write(folder / "methods.json", data)
    heat_map(cells, folder / "methods.png", overlapping)
    print(text)
    raise SystemExit(any("error" in one for one in cells) or not all(claims.values()))


if __name__ == "__main__":
    main()
