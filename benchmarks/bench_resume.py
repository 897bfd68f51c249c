"""Does a fit that was broken off lose anything? Kills and Ctrl-C at random moments.

Each fit is begun in a process of its own, which gets the signal at a random moment. The
same lines are then run again, with the same folder. What they end with is compared to a
fit without a break: probabilities, weights, losses and records, seconds aside. Some
signals come after the end; "broken off" counts the others. After SIGKILL every file of
the folder has to be readable. After SIGINT a fit may raise, or return and be marked; if
it returns unmarked, it has to equal the whole one.

    python benchmarks/bench_resume.py [--moments 10] [--fits net IHDA ...]
"""

import json
import multiprocessing
import os
import pickle
import signal
import tempfile
import time
import warnings
from pathlib import Path

import joblib
import numpy as np
import torch
from sklearn.datasets import load_digits

from runs import check, claim, markdown, parser_of, say, stop
from skaug import (
    AugmentationSearchCV,
    BatchAugmentation,
    IHDAFinetuner,
    InfluenceAugmenter,
    ISDAClassifier,
    NetClassifier,
    NetworkAugmentation,
    TableMixup,
    TransformPolicy,
    VAEGenerator,
)
from skaug.comparison import Budgets
from skaug.net import EpochCheckpoint
from skaug.transforms import Jitter, Scaling

X, y = load_digits(return_X_y=True)
X, y = X[:300].astype(np.float32), y[:300]
SHORT = {"max_epochs": 8, "module__hidden": (32,), "random_state": 0}
FEW = Budgets(plain=(30,), augmented=(60,), decays=(0.01,), refused=30)
SECONDS = {"seconds", "dur"}


def fit_net(folder, kind=NetClassifier):
    """A net with draws of all kinds, in a file."""
    path = folder / "net.pkl"
    if path.exists():
        return joblib.load(path).resume(X, y)
    augment = BatchAugmentation(TableMixup(), 0.2, probability=0.7)
    params = {**SHORT, "max_epochs": 40, "module__dropout": 0.2, "train_split": 0.2}
    return kind(callbacks=[augment, EpochCheckpoint(path)], **params).resume(X, y)


def fit_isda(folder):
    """The same with ISDA's statistics."""
    return fit_net(folder, ISDAClassifier)


def fit_ihda(folder):
    """A finetuner with an autoencoder at each level."""
    net = NetClassifier(**{**SHORT, "module__hidden": (32, 16)})
    generator = VAEGenerator(8, steps=60)
    model = IHDAFinetuner(net, generator=generator, memory=folder, random_state=0)
    return model.fit(X, y)


def fit_paper(folder):
    """A finetuner that chooses on rows held out."""
    given = {"generator": "noise", "memory": folder, "random_state": 0}
    return IHDAFinetuner.paper(NetClassifier(**SHORT), **given).fit(X, y)


def fit_policy(folder):
    """A policy behind its guard, and the last training."""
    policy = TransformPolicy([Jitter(), Scaling()], n_draws=1)
    return augmented(policy, folder)


def fit_network(folder):
    """An augmentation network in two rounds, its guard, and the last training."""
    return augmented(NetworkAugmentation(steps=20, rounds=2, code_dim=8), folder)


def augmented(learner, folder):
    """Fit an augmenter."""
    params = {"augmentation": learner, "memory": folder, "random_state": 0}
    return InfluenceAugmenter(NetClassifier(**SHORT), **params).fit(X, y)


def fit_search(folder):
    """A search in three folds."""
    params = {"methods": ["ISDA"], "cv": 3, "budget": FEW, "random_state": 0}
    net = NetClassifier(module__hidden=(32,))
    return AugmentationSearchCV(net, cache=folder, **params).fit(X, y)


FITS = {
    "net": fit_net,
    "ISDA": fit_isda,
    "IHDA": fit_ihda,
    "IHDA, the paper's": fit_paper,
    "policy": fit_policy,
    "network": fit_network,
    "search": fit_search,
}


def outcome(model):
    """What a fit ended with, as arrays and texts by name."""
    net = getattr(model, "estimator_", getattr(model, "best_estimator_", model))
    found = {"probabilities": net.predict_proba(X)}
    for name, weight in net.module_.state_dict().items():
        found[f"weight {name}"] = weight.numpy()
    found["history"] = timeless(net.history)
    for name in ("levels_", "tuning_", "policy_", "losses_", "held_out_loss_"):
        found[name] = timeless(getattr(model, name, None))
    found["results_"] = timeless(getattr(model, "results_", None))
    return found


def timeless(value):
    """A record as text, without the seconds that it took."""
    if isinstance(value, dict):
        known = {k: timeless(v) for k, v in value.items() if k not in SECONDS}
        return repr(known)
    if isinstance(value, list):
        return repr([timeless(one) for one in value])
    return repr(value)


def difference(one, other):
    """The largest difference of two outcomes; infinite where texts differ."""
    gaps = [0.0]
    for name in {*one, *other}:
        a, b = one.get(name), other.get(name)
        if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            gaps.append(float(np.abs(a.astype(float) - b.astype(float)).max()))
        elif a != b:
            gaps.append(np.inf)
    return max(gaps)


def begin(fit, folder, result):
    """Fit in a process of its own; what it returns goes to a file."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = fit(folder)
        except KeyboardInterrupt:
            os._exit(0)
    marked = getattr(model, "interrupted_", False)
    result.write_bytes(pickle.dumps(None if marked else outcome(model)))


def broken_off(fit, folder, moment, number):
    """Send a signal after some seconds; the outcome of a fit that returned unmarked."""
    # Without seconds there is no signal.
    result = folder.parent / "result"
    result.unlink(missing_ok=True)
    context = multiprocessing.get_context("fork")
    process = context.Process(target=begin, args=(fit, folder, result))
    process.start()
    process.join(moment)
    if process.is_alive():
        os.kill(process.pid, number)
    process.join()
    try:
        return pickle.loads(result.read_bytes())
    except (FileNotFoundError, EOFError):
        return None


def seconds_of(fit):
    """Seconds of a fit that nothing breaks off, in a process like the others."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "kept")
        folder.mkdir()
        start = time.perf_counter()
        broken_off(fit, folder, None, None)
        return time.perf_counter() - start


def unreadable(folder):
    """Names of files that cannot be read, without those that were being written."""
    names = []
    for path in folder.rglob("*"):
        try:
            if path.suffix == ".pkl":
                joblib.load(path)
            elif path.suffix == ".json":
                json.loads(path.read_text())
        except (EOFError, ValueError, pickle.UnpicklingError):
            names.append(path.name)
    return names


def tried(fit, moments, seed):
    """Figures of a fit: its seconds, differences by signal, files that were lost."""
    with tempfile.TemporaryDirectory() as place:
        whole = outcome(fit(Path(place)))  # the first fit of a process takes longer
    seconds = seconds_of(fit)
    found = {"seconds": seconds, "broken off": 0, "lost": 0, "unmarked": 0}
    random = np.random.RandomState(seed)
    for number in (signal.SIGKILL, signal.SIGINT):
        gaps = found[number.name] = []
        for moment in random.uniform(0, seconds, size=moments):
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place, "kept")
                folder.mkdir()
                returned = broken_off(fit, folder, moment, number)
                found["broken off"] += returned is None
                found["lost"] += len(unreadable(folder))
                if returned is not None and number is signal.SIGINT:
                    found["unmarked"] += difference(returned, whole) > 0
                gaps.append(difference(outcome(fit(folder)), whole))
    return found


def main():
    """Break fits off, go on with them, print a table, and check the claims."""
    parser = parser_of(__doc__)
    parser.add_argument("--moments", type=int, default=10, help="by fit and signal")
    parser.add_argument("--fits", nargs="+", default=list(FITS))
    options = parser.parse_args()
    unknown = set(options.fits) - set(FITS)
    if unknown:
        stop("bench_resume.py", f"fits among {list(FITS)}", unknown, "Name others.")
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    found = {}
    for seed, name in enumerate(options.fits):
        found[name] = tried(FITS[name], options.moments, seed)
        say(name, f"{found[name]['seconds']:.1f} s without a break")
    head = ["fit", "seconds", "broken off", "largest gap after SIGKILL"]
    head += ["after SIGINT", "files lost", "unmarked"]
    table = [head]
    for name, one in found.items():
        gaps = [f"{max(one[number]):.3g}" for number in ("SIGKILL", "SIGINT")]
        broken = f"{one['broken off']} of {2 * options.moments}"
        row = [name, f"{one['seconds']:.1f}", broken, *gaps]
        table.append([*row, str(one["lost"]), str(one["unmarked"])])
    print("\n".join(markdown(table)))
    check(claims(found))


def claims(found):
    """Nothing is different, lost or unmarked."""
    for number in ("SIGKILL", "SIGINT"):
        gaps = [gap for one in found.values() for gap in one[number]]
        seen = f"{sum(gap == 0 for gap in gaps)} of {len(gaps)}"
        equal = seen, all(gap == 0 for gap in gaps)
        yield claim(f"after {number} the same lines end with the same numbers", *equal)
    lost = sum(one["lost"] for one in found.values())
    yield claim("no file is lost", f"{lost}", lost == 0)
    unmarked = sum(one["unmarked"] for one in found.values())
    yield claim("no fit that was cut short is unmarked", f"{unmarked}", unmarked == 0)


if __name__ == "__main__":
    main()
