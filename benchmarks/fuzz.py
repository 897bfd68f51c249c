"""Count the random inputs that are neither taken right nor refused clearly.

A case is a public object of skaug and an input that is drawn for it: rows, labels,
groups, weights and settings of many kinds, see fuzz_inputs.py and fuzz_objects.py. What
comes of it is one of these:

- right: a finite result of the documented shape; probabilities sum to 1, labels are
  among those given, and a second fit, a copy, or the same rows in another container
  give the same.
- refused: an error whose sentence says what is needed and what came.
- crash: another kind of error, or the end of the process.
- unclear: an error in words of the workings, or the refusal of clean input.
- silent: a result that is none of the above, such as NaN, or a warning from inside.
- hangs: no result within the time limit.

A seed and a number repeat a case:

    python benchmarks/fuzz.py [--inputs 10000] [--seed 0] [--only NAME]
    python benchmarks/fuzz.py --seed 0 --case 1234
"""

import multiprocessing
from collections import Counter
from itertools import count, islice

import numpy as np
import torch
from sklearn.utils import check_random_state
from tqdm import tqdm

from fuzz_inputs import draw_case
from fuzz_objects import OBJECTS
from fuzz_verdicts import FAULTS, verdict
from runs import check, claim, markdown, origin, parser_of

LIMIT = 60  # seconds for a case
OUTCOMES = ("right", "refused", *FAULTS)


def generator_and_name(seed, number):
    """Random numbers of a case, and the object that it is about."""
    rng = np.random.default_rng([seed, number])
    shares = np.array([share for _, share, _ in OBJECTS.values()], dtype=float)
    return rng, str(rng.choice(list(OBJECTS), p=shares / shares.sum()))


def run_case(seed, number):
    """Perform a case: its object, outcome, kinds of input and what was said."""
    rng, name = generator_and_name(seed, number)
    check_random_state(None).seed(rng.integers(2**32))
    torch.manual_seed(int(rng.integers(2**32)))
    axes, _, perform = OBJECTS[name]
    case = draw_case(rng, str(rng.choice(axes)))
    outcome, text = verdict(perform, case)
    return {"name": name, "outcome": outcome, "kinds": case.kinds, "text": text}


class Child:
    """A process that performs cases, which may end it or never end."""

    def __init__(self, seed):
        context = multiprocessing.get_context("fork")  # no module is imported again
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, seed), daemon=True)
        self.process.start()
        theirs.close()

    def perform(self, number):
        """What comes of a case; without a name if the process is of no more use."""
        self.connection.send(number)
        lost = {"outcome": "hangs", "text": f"no result in {LIMIT} seconds"}
        try:
            if self.connection.poll(LIMIT):
                return self.connection.recv()
        except EOFError:
            lost = {"outcome": "crash", "text": "the process ended"}
        self.process.kill()
        self.process.join()
        return lost


def serve(connection, seed):
    """Perform the cases whose numbers come through a connection."""
    torch.set_num_threads(1)
    while True:
        connection.send(run_case(seed, connection.recv()))


def outcomes(seed, numbers):
    """Yield the number of each case and what came of it."""
    child = None
    for number in numbers:
        child = child or Child(seed)
        result = child.perform(number)
        if "name" not in result:
            child = None
            name = generator_and_name(seed, number)[1]
            result = {"name": name, "kinds": [], **result}
        yield number, result


def numbers_of(seed, only):
    """Numbers of all cases, or of those of one object."""
    for number in count():
        if only is None or generator_and_name(seed, number)[1] == only:
            yield number


def table(results):
    """Lines of the table: how many cases of each object had each outcome."""
    yield ["object", *OUTCOMES]
    counts = {name: Counter() for name in [*OBJECTS, "all"]}
    for result in results:
        counts[result["name"]][result["outcome"]] += 1
        counts["all"][result["outcome"]] += 1
    for name, found in counts.items():
        if found:
            yield [name, *(str(found[outcome]) for outcome in OUTCOMES)]


def described(seed, number, result):
    """A case in words, with what repeats it."""
    kinds = ", ".join(result["kinds"]) or "clean"
    return (
        f"{result['outcome']}, {result['name']} (--seed {seed} --case {number}): "
        f"{kinds[:300]}\n    {result['text'][:600]}"
    )


def claims(results):
    """No fault of any kind."""
    for outcome in FAULTS:
        n = sum(result["outcome"] == outcome for result in results)
        yield claim(f"{outcome}, of {len(results)} inputs", n, n == 0)


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--inputs", type=int, default=10000, help="number of cases")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=list(OBJECTS), help="an object")
    parser.add_argument("--case", type=int, help="the number of one case")
    options = parser.parse_args()
    if options.case is not None:
        result = run_case(options.seed, options.case)
        print(described(options.seed, options.case, result))
        return
    numbers = islice(numbers_of(options.seed, options.only), options.inputs)
    results = []
    bar = tqdm(outcomes(options.seed, numbers), total=options.inputs)
    for number, result in bar:
        results.append(result)
        if result["outcome"] in FAULTS:
            bar.write(described(options.seed, number, result))
    print("\n".join(markdown(list(table(results)))))
    print(origin())
    check(claims(results))


if __name__ == "__main__":
    main()
