"""Does IHDA help on wearable signals, from files on, and what does each step cost.

The paper takes the SHL challenge: accelerometer, gyroscope and magnetometer, frames of
5 seconds every 2.5 in the training part and without overlap in the test, the spectra of
the magnitudes (753 features), a network of three hidden layers, IHDA at all three
without skipping (p = 0), and five trials. It claims 83 % before and 92 % after.

**This claim is not checked here.** SHL's files need a registration. What is read
instead are recordings of UCI HAR in SHL's format, made by ``make_shl.py``: six
activities, 21 people to learn from and nine others to test on, 3.6 hours. They take the
same way, file by file, and show that it works and what it costs. Where the variable
``SKAUG_SHL`` names a folder with SHL's parts ``train`` and ``test``, the set "shl" is
read from it.

- har: the paper's frames, every 2.5 seconds.
- har, rows: frames as often as it takes for --rows. Neighbours share most of their
  samples, so that more rows are not more people: a set for costs at size.
- shl: every n-th segment of both parts, so that there are --rows frames at most.

A trial reads the files, computes the spectra, and trains the network once; every arm
fine-tunes a copy of it. Trials differ by the weights and the order of batches. Groups
are people, of SHL an hour of the recording: frames of one group are no neighbours, and
parts that are held out are groups of their own. Frames of two activities, or of an
unknown one, are left out, in the test too.

- base: no fine-tuning. real: the twin of default and hard, with real rows only.
- default, hard: IHDAFinetuner's readings, at the hidden layers.
- paper: as the paper has it, with what it leaves open chosen by validation. It trains a
  second network without the people that are held out, on which it chooses.

The widths of the layers are ours, as the paper does not give them. Seconds are those of
the clock, of one thread. "potential" is that of all rows in the 753 features.

    python benchmarks/bench_shl.py [--seeds 5] [--rows 15000] [--output FILE.json]
    python benchmarks/bench_shl.py --summary FILE.json
"""

import os
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import f1_score
from sklearn.utils import Bunch

import make_shl
from costs import peak_mib
from data import data_folder
from runs import (
    by_set,
    claim,
    differences,
    half_width,
    levels,
    list_of_claims,
    mean_and_error,
    origins,
    rounded,
    say,
    scores_of,
    section,
    stop,
    study,
    study_parser,
    values,
)
from skaug import IHDAFinetuner, NetClassifier, potential
from skaug.net import MLP
from skaug.signals import MagnitudeSpectrum, frame_segments, load_shl

SETS = ("har", "har, rows", "shl")
SENSORS = {"shl": ("Acc", "Gyr", "Mag")}  # of the others: those of make_shl
HIDDEN = (512, 256, 128)
LENGTH, STEP = 500, 250  # of a frame, in samples at 100 Hz
N_SHL, N_HAR = 375_130, 2_578  # frames of the training parts at this step
OURS = partial(IHDAFinetuner, levels="hidden")
ARMS = {
    "real": partial(OURS, synthetic_share=0),
    "default": OURS,
    "hard": partial(OURS, sources="hard"),
    "paper": partial(IHDAFinetuner.paper, skip_probability=0),
}
METRICS = {"accuracy": 2, "macro-F1": 2, "log-loss": 3, "seconds": 1, "cost": 2}
STEPS = ("read", "spectra", "train", "potential")
LONG, MOST = 30, 0.3  # seconds of base training, cost of the default
EXPECTED = "IHDAFinetuner"


def read_part(folder, name, part, rows):
    """Spectra, labels and groups of a part, with the seconds of both steps."""
    folder = Path(folder, part)
    every = max(1, round(N_SHL / rows)) if name == "shl" else 1
    start = time.perf_counter()
    data = load_shl(
        folder,
        SENSORS.get(name, ("Acc", "Gyr", "LAcc")),
        segments=slice(None, None, every),
    )
    read = time.perf_counter()
    groups = groups_of(folder, data)
    step = LENGTH if part == "test" else step_of(name, rows)
    frames = frame_segments(
        data.X, data.y, groups, frame_length=LENGTH, frame_step=step
    )
    keep = (frames.purity == 1) & (frames.y != 0)
    spectrum = MagnitudeSpectrum(data.sensors, sampling_rate=data.sampling_rate)
    found = Bunch(X=spectrum.fit_transform(frames.X[keep]))
    found.update(y=frames.y[keep], groups=frames.groups[keep])
    return found, {"read": read - start, "spectra": time.perf_counter() - read}


def groups_of(folder, data):
    """The person of each segment, or its hour of the recording."""
    people = folder / "people.txt"
    if people.exists():
        return np.loadtxt(people, dtype=int)[data.segments]
    return None if data.order is None else data.order // 60


def step_of(name, rows):
    """Samples from one training frame to the next."""
    return max(1, round(STEP * N_HAR / rows)) if name == "har, rows" else STEP


def scores(model, test):
    """Accuracy and F1 in points, and log-loss, on the test frames."""
    proba = model.predict_proba(test.X)
    found = scores_of(test.y, proba, model.classes_)
    labels = model.classes_[proba.argmax(1)]
    f1 = 100 * f1_score(test.y, labels, average="macro")
    return rounded(
        {"accuracy": found["accuracy"], "macro-F1": f1, "log-loss": found["log-loss"]},
        5,
    )


def run_arm(make, base, seed, train, test):
    """Scores of one arm, its seconds, and what its levels tell."""
    model = make(FrozenEstimator(base), random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=EXPECTED)
        start = time.perf_counter()
        model.fit(train.X, train.y, groups=train.groups)
        seconds = time.perf_counter() - start
    told = [
        {
            "radius": _number(record.radius),
            "rate": _number(record.tune_lr),
            "hard": _number(record.hard_share),
            "steps": record.steps,
            "seconds": round(record.seconds, 3),
        }
        for record in model.levels_
    ]
    return {**scores(model, test), "seconds": round(seconds, 3), "levels": told}


def _number(value):
    """A number to be kept; None if it is not known."""
    return None if np.isnan(value) else round(float(value), 5)


def trial(folder, name, rows, seed):
    """The whole way, from the files to the scores of all arms."""
    train, seconds = read_part(folder, name, "train", rows)
    test, _ = read_part(folder, name, "test", rows)
    # The first training of a process loads a good deal of torch.
    NetClassifier(max_epochs=1).fit(train.X[:100], train.y[:100])
    start = time.perf_counter()
    base = NetClassifier(MLP, module__hidden=HIDDEN, random_state=seed)
    base.fit(train.X, train.y, groups=train.groups)
    seconds["train"] = time.perf_counter() - start
    start = time.perf_counter()
    hard = potential(train.X, train.y, groups=train.groups) > 0
    seconds["potential"] = time.perf_counter() - start
    arms = {"base": {**scores(base, test), "seconds": 0.0}}
    for arm, make in ARMS.items():
        arms[arm] = run_arm(make, base, seed, train, test)
    for found in arms.values():
        found["cost"] = round(found["seconds"] / seconds["train"], 5)
    return {
        "arms": arms,
        "steps": rounded(seconds, 3),
        "rows": [len(train.y), len(test.y)],
        "groups": len(np.unique(train.groups)),
        "hard": round(float(hard.mean()), 5),
    }


def run_seed(folder, rows, name, seed):
    """A trial and the most memory that it takes beyond the program itself."""
    torch.set_num_threads(1)
    folder = os.environ["SKAUG_SHL"] if name == "shl" else folder
    found = {}
    peak = peak_mib(lambda: found.update(trial(folder, name, rows, seed)))
    if not found:  # where the peak of memory cannot be read
        found = trial(folder, name, rows, seed)
    return {**found, "MiB": None if peak is None else round(peak)}


def step_table(runs):
    """Lines of the table of costs: means over trials."""
    seconds = [np.mean([run["steps"][step] for run in runs]) for step in STEPS]
    tuning = {arm: values(runs, arm, "seconds").mean() for arm in ARMS}
    peaks = [run["MiB"] for run in runs if run["MiB"] is not None]
    yield ["", *STEPS, *(f"tune: {arm}" for arm in tuning), "peak, MiB"]
    numbers = [f"{s:.1f}" for s in [*seconds, *tuning.values()]]
    yield ["seconds", *numbers, f"{np.mean(peaks):.0f}" if peaks else "-"]


def level_table(runs):
    """Lines of the table of what arms with potentials took: medians over trials."""
    yield ["level by level", "radius", "rate", "hard, %", "seconds"]
    for arm in ("hard", "paper"):
        told = [run["arms"][arm]["levels"] for run in runs]
        columns = [
            " / ".join(_of_level(told, i, key, form) for i in range(len(HIDDEN)))
            for key, form in FORMS.items()
        ]
        yield [arm, *(column.replace("%", "") for column in columns)]


FORMS = {"radius": ".3g", "rate": ".3g", "hard": ".1%", "seconds": ".1f"}


def _of_level(told, i, key, form):
    """The median over trials of what a level tells."""
    known = [levels[i][key] for levels in told if levels[i][key] is not None]
    return format(np.median(known), form) if known else "-"


def summary(results):
    """Tables of every set: scores, differences, costs, levels; and the claims."""
    lines = section("What was run", f"{NOT_SHL}\nRuns: {origins(results)}.")
    arms = ("default", "hard", "paper")
    pairs = {f"{arm} - real": (arm, "real") for arm in arms}
    pairs |= {f"{arm} - base": (arm, "base") for arm in ("real", *arms)}
    scored = {m: METRICS[m] for m in ("accuracy", "macro-F1", "log-loss")}
    for name, runs in by_set(results, SETS).items():
        n_train, n_test = runs[0]["rows"]
        lines += section(
            f"{name}: {n_train:,} training frames, {len(runs)} trials",
            f"{runs[0]['groups']} groups, {n_test:,} test frames. In the 753 features "
            f"{100 * runs[0]['hard']:.1f} % of the frames are hard.",
            list(levels(runs, METRICS)),
            list(differences(runs, pairs, scored)),
            list(step_table(runs)),
            list(level_table(runs)),
        )
    return "\n".join([*lines, *list_of_claims(claims(results))])


NOT_SHL = """\
The sets "har" are recordings of UCI HAR in SHL's format, not SHL: the paper's claim, 83
to 92 %, cannot be checked by them. Differences are paired over trials, ± standard
error, with the 95 % interval, which has a star where it excludes 0. Trials share
training and test people: the intervals speak for other weights, not for other people.
"""


def claims(results):
    """What is claimed of the sets that were run, and whether it holds."""
    for name, runs in by_set(results, SETS).items():
        if len(runs) > 1:
            ours, base = (values(runs, arm, "accuracy") for arm in ("default", "base"))
            gaps = ours - base
            mean, error = mean_and_error(gaps)
            most = mean + half_width(error, len(gaps))
            yield claim(
                f"{name}: default not below base in accuracy beyond doubt",
                f"{mean:+.2f}, at most {most:+.2f}",
                most >= 0,
            )
        long = [run for run in runs if run["steps"]["train"] > LONG]
        if long:
            cost = values(long, "default", "cost").mean()
            yield claim(
                f"{name}: cost of default <= {MOST}", f"{cost:.3f}", cost <= MOST
            )


def main():
    parser = study_parser(__doc__, SETS, seeds=5)
    parser.add_argument(
        "--rows", type=int, default=15_000, help="training frames of the larger sets"
    )
    options = parser.parse_args()
    if not options.summary:
        options.sets = readable_sets(options.sets)
    widths = {name: None if name == "har" else options.rows for name in SETS}
    settings = {name: [*HIDDEN, *ARMS, rows] for name, rows in widths.items()}
    title = "From SHL's files to IHDA"
    with tempfile.TemporaryDirectory() as folder:
        if not options.summary and {"har", "har, rows"} & set(options.sets):
            start = time.perf_counter()
            make_shl.write(folder)
            say(f"files are written in {time.perf_counter() - start:.0f} s")
        run = partial(run_seed, folder, options.rows)
        study(__file__, options, settings, run, summary, claims, title)


def readable_sets(names):
    """The sets whose files are there."""
    there = {"shl": "SKAUG_SHL" in os.environ}
    there |= dict.fromkeys(("har", "har, rows"), data_folder() is not None)
    for name in names:
        if not there[name]:
            where = "$SKAUG_SHL" if name == "shl" else "$SKAUG_DATA or ../shared/data"
            say(f"{name} is left out: its files are looked for in {where}.")
    found = [name for name in names if there[name]]
    if not found:
        stop("bench_shl.py", "a set whose files are there", "none", "Set $SKAUG_SHL.")
    return found


if __name__ == "__main__":
    main()
