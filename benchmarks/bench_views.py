"""Does augmentation before a frozen network help? On 20 images per class of CIFAR-10.

CIFAR-10 images become features of a frozen EfficientNet-Lite0, and
ISDALogisticRegression or logistic regression is fitted to them, as in
bench_few_labels.py. Four views of each training image, shifted by up to four pixels and
flipped, are averaged with the image, or added as rows that are held out together with
it. Copies of rows would change nothing in a convex head, so that the head on the images
as they are is the twin of equal compute as well. Test images have no views.

    python benchmarks/bench_views.py [--seeds 8] [--output FILE.json]
    python benchmarks/bench_views.py --summary FILE.json
"""

import numpy as np
from sklearn.utils import Bunch

from data import load, take
from few_labels import backbone
from runs import (
    by_set,
    differences,
    levels,
    markdown,
    origins,
    rounded,
    study,
    study_parser,
)
from skaug import ISDALogisticRegression
from skaug.comparison import scores
from skaug.comparison.cell import one_thread
from skaug.transforms import RandomCropFlip

N_VIEWS, PER_CLASS, N_TEST = 4, 20, 3000
SETS = {"cifar10": (PER_CLASS, N_VIEWS)}
HEADS = {"LR": 0, "pooled ISDA": "auto"}
METRICS = {"accuracy": 2, "log-loss": 3, "calibration error": 2}


def run_seed(name, seed):
    """Figures of both heads on images as they are, and on views."""
    data = load(name)
    rows = take(data.y_train, 10 * PER_CLASS, seed)
    test = take(data.y_test, N_TEST, 0)
    X, y, X_test = data.X_train[rows], data.y_train[rows], data.X_test[test]
    options = {"normalize": "sqrt_l2", "random_state": seed}
    plain = backbone(**options)
    views = backbone(**options, augment=RandomCropFlip(4), n_views=N_VIEWS)
    own = np.arange(len(y))
    with one_thread():
        parts = {"as they are": (plain.fit_transform(X), y, own, plain)}
        parts["averaged"] = (views.fit_transform(X), y, own, views)
        groups = np.concatenate([own, np.repeat(own, N_VIEWS)])
        parts["as rows"] = (*views.with_views(X, y), groups, views)
        arms = {}
        for of_rows, (features, labels, groups, maker) in parts.items():
            for head, strength in HEADS.items():
                model = ISDALogisticRegression(strength)
                model.fit(features, labels, groups=groups)
                log_p = model.predict_log_proba(maker.transform(X_test))
                found = scores(log_p, Bunch(y=data.y_test[test], groups=None), own[:10])
                kept = {metric: found[metric] for metric in METRICS}
                arms[f"{head}, {of_rows}"] = rounded(kept, 6)
    return {"arms": arms}


def summary(results):
    """Means, and differences to the same head on images as they are."""
    lines = [f"{origins(results)}.\n"]
    for name, runs in by_set(results, SETS).items():
        pairs = {
            f"{head}, {of_rows} - as they are": (
                f"{head}, {of_rows}",
                f"{head}, as they are",
            )
            for head in HEADS
            for of_rows in ("averaged", "as rows")
        }
        lines.append(f"## {name}: {10 * PER_CLASS} training rows, {len(runs)} draws\n")
        lines += [*markdown(list(levels(runs, METRICS))), ""]
        lines += [*markdown(list(differences(runs, pairs, METRICS))), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    options = study_parser(__doc__, SETS, seeds=8).parse_args()
    title = "Views before a frozen network"
    study(__file__, options, SETS, run_seed, summary, title=title)
