"""Which augmentation helps, on which data, at what cost? Arms x sets x draws.

skaug/comparison/methods.py has the arms, and data.py the sets. Each cell is a file in
the output folder: started again after a kill, the command goes on. It writes
methods.md, .json and .png there, and --summary FILE.json writes them to results/.

With --kept FILE.json, cells of an earlier run are taken over with their commits, but
for the methods that --again names:

    python benchmarks/bench_methods.py --kept OLD.json --again ISDA heuristics
"""

import json
from dataclasses import asdict, replace
from pathlib import Path

from data import SETS, task
from ihda_on_top import LONG, section_of
from kept_cells import commits, jobs_for, made_again, take_over
from methods_claims import claims_of
from runs import RESULTS, commit, fill_page, list_of_claims, origin, stop, study_parser
from skaug.comparison import Budgets, Differences, heat_map, run_study, summary
from skaug.comparison.cell import write
from skaug.comparison.setup import PLAIN


def run(options, folder):
    """Run the cells that are missing, and return all with what they were made with."""
    tasks = [task(name) for name in options.sets]
    if options.seeds is not None:
        tasks = [replace(one, n_seeds=options.seeds) for one in tasks]
    budgets, again = Budgets().shorter(options.shorter), options.again
    settings = tasks, folder, options.methods, budgets
    kept = json.loads(Path(options.kept).read_text()) if options.kept else {"cells": []}
    if options.kept and kept["budgets"] != json.loads(json.dumps(asdict(budgets))):
        needs = "kept cells of the same budgets"
        stop("bench_methods.py", needs, "others", "Leave --kept out.")
    take_over(kept["cells"], jobs_for(*settings), again)
    cells = run_study(*settings, options.n_jobs, 1)
    long = []
    if options.methods is None:
        long = run_study(tasks, folder, LONG, budgets, options.n_jobs, 1)
    for cell in cells + long:
        cell.setdefault("commit", commit())
    on_top = [cell for cell in long if cell["method"] != PLAIN]
    made = [commits(cells + on_top), *made_again(kept["cells"], cells, again)]
    return {
        "origin": f"{'; '.join(made)}; {origin('imbalanced-learn')}",
        "budgets": asdict(budgets),
        "overlapping": [one.name for one in tasks if one.leaves_out],
        "cells": cells,
        "on top": on_top,
    }


def main():
    parser = study_parser(__doc__, SETS, seeds=None)
    parser.add_argument("--methods", nargs="+", help="all by default")
    parser.add_argument("--shorter", type=float, default=1, help="divide steps by this")
    parser.add_argument("--claims", action="store_true", help="assert them")
    parser.add_argument("--kept", help="file of cells to take over")
    parser.add_argument("--again", nargs="+", default=[], help="methods to make again")
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
    plain = [cell for cell in cells if cell["method"] == PLAIN]
    on_top = section_of(plain + data.get("on top", []), overlapping)
    text = "\n".join([*list_of_claims(claims.items()), "", on_top, text])
    fill_page(folder / "methods.md", "Which augmentation helps?", text)
    # Losses of all settings are in the files of the cells.
    for cell in cells + data.get("on top", []):
        cell.pop("inner", None)
    write(folder / "methods.json", data)
    heat_map(cells, folder / "methods.png", overlapping)
    print(text)
    raise SystemExit(any("error" in one for one in cells) or not all(claims.values()))


if __name__ == "__main__":
    main()
