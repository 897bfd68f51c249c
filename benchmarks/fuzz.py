"""Count the random inputs that are neither taken right nor refused clearly.

A case is a public object of skaug and an input that is drawn for it: rows, labels,
groups, weights and settings of many kinds, see fuzz_inputs.py and fuzz_objects.py. What
comes of it is one of these:

- right: a finite result of the documented shape; probabilities sum to 1, labels are
  among those given, and a second fit or a copy gives the same.
- refused: an error whose sentence says what is needed and what came.
- crash: another kind of error, or the end of the process.
- unclear: an error in words of the workings, or the refusal of clean input.
- silent: a result that is none of the above, such as NaN, or a warning from inside.
- hangs: no result within the time limit.

The same seed gives the same cases, one by one:

    python benchmarks/fuzz.py [--inputs 10000] [--seed 0] [--only NAME] [--n-jobs 2]
    python benchmarks/fuzz.py --seed 0 --case 1234
"""

import multiprocessing
import os
import time
from collections import Counter
from itertools import count, islice
from multiprocessing.connection import wait

import numpy as np
import torch
from sklearn.utils import check_random_state
from tqdm import tqdm

from fuzz_inputs import draw_case
from fuzz_objects import OBJECTS
from fuzz_verdicts import FAULTS, verdict
from runs import check, claim, parser_of
from skaug.comparison.tables import markdown

LIMIT = 60  # seconds for a case
OUTCOMES = ("right", "refused", *FAULTS)
NAMES = list(OBJECTS)
SHARES = np.array([share for _, share, _ in OBJECTS.values()], dtype=float)


def generator_and_name(seed, number):
    """Random numbers of a case, and the object that it is about."""
    rng = np.random.default_rng([seed, number])
    return rng, str(rng.choice(NAMES, p=SHARES / SHARES.sum()))


def run_case(seed, number):
    """Perform a case: its object, outcome, kinds of input and what was said."""
    rng, name = generator_and_name(seed, number)
    check_random_state(None).seed(rng.integers(2**32))
    torch.manual_seed(int(rng.integers(2**32)))
    axes, _, perform = OBJECTS[name]
    case = draw_case(rng, str(rng.choice(axes)))
    outcome, text = verdict(perform, case)
    return {"name": name, "outcome": outcome, "kinds": case.kinds, "text": text}


# A case may end the process, or never end: cases run in processes of their own.


def serve(connection, seed):
    """Perform the cases whose numbers come through a connection."""
    torch.set_num_threads(1)
    while True:
        connection.send(run_case(seed, connection.recv()))


class Worker:
    """A process that performs one case after another."""

    def __init__(self, seed):
        context = multiprocessing.get_context("fork")  # no module is imported again
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, seed), daemon=True)
        self.process.start()
        theirs.close()

    def give(self, number):
        self.number, self.start = number, time.monotonic()
        self.connection.send(number)

    def is_late(self):
        return time.monotonic() - self.start > LIMIT

    def result(self):
        """What came of the case; None while there is nothing yet."""
        if self.connection.poll():
            try:
                return self.connection.recv()
            except EOFError:
                return fault("crash", "the process ended")
        return (
            fault("hangs", f"no result in {LIMIT} seconds") if self.is_late() else None
        )

    def stop(self):
        self.process.kill()
        self.process.join()


def fault(outcome, text):
    return {"outcome": outcome, "kinds": [], "text": text}


def outcomes(seed, numbers, n_jobs):
    """Yield the number of each case and what came of it, by several processes."""
    numbers = iter(numbers)
    busy = {}
    for number in islice(numbers, n_jobs):
        worker = Worker(seed)
        worker.give(number)
        busy[worker.connection] = worker
    while busy:
        wait(list(busy), timeout=1)
        for worker in list(busy.values()):
            result = worker.result()
            if result is None:
                continue
            del busy[worker.connection]
            is_lost = "name" not in result
            yield worker.number, result
            number = next(numbers, None)
            if is_lost or number is None:
                worker.stop()
            if number is not None:
                worker = Worker(seed) if is_lost else worker
                worker.give(number)
                busy[worker.connection] = worker


def numbers_of(seed, only):
    """Numbers of all cases, or of those of one object."""
    for number in count():
        if only is None or generator_and_name(seed, number)[1] == only:
            yield number


def table(found):
    """Lines of the table: how many cases of each object had each outcome."""
    yield ["object", *OUTCOMES]
    counts = {name: Counter() for name in NAMES}
    for result in found.values():
        counts[result["name"]][result["outcome"]] += 1
    for name in NAMES:
        if counts[name]:
            yield [name, *(str(counts[name][outcome]) for outcome in OUTCOMES)]
    total = sum(counts.values(), Counter())
    yield ["all", *(str(total[outcome]) for outcome in OUTCOMES)]


def described(seed, number, result):
    """A case in words, with what repeats it."""
    kinds = ", ".join(result["kinds"]) or "clean"
    return (
        f"{result['outcome']}, {result['name']} (--seed {seed} --case {number}): "
        f"{kinds[:300]}\n    {result['text'][:600]}"
    )


def claims(found):
    """No fault of any kind."""
    for outcome in FAULTS:
        n = sum(result["outcome"] == outcome for result in found.values())
        yield claim(f"{outcome}: 0 of {len(found)} inputs", n, n == 0)


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--inputs", type=int, default=10000, help="number of cases")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=NAMES, help="an object")
    parser.add_argument("--case", type=int, help="the number of one case")
    parser.add_argument("--n-jobs", type=int, default=2, help="cases at a time")
    options = parser.parse_args()
    if options.case is not None:
        result = run_case(options.seed, options.case)
        print(described(options.seed, options.case, result))
        return
    numbers = islice(numbers_of(options.seed, options.only), options.inputs)
    found = {}
    bar = tqdm(outcomes(options.seed, numbers, options.n_jobs), total=options.inputs)
    for number, result in bar:
        result.setdefault("name", generator_and_name(options.seed, number)[1])
        found[number] = result
        if result["outcome"] in FAULTS:
            bar.write(described(options.seed, number, result))
    print("\n".join(markdown(list(table(found)))))
    check(claims(found))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
