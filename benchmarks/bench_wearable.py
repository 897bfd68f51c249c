"""What do augmentation and splits do on wearable sensors? UCI HAR, magnitude spectra.

Settings are chosen on the 21 training subjects, by log-loss in five folds of whole
subjects, and tested on nine others. The twin of ISDA is the same network with plain
cross-entropy, that of samples of hard regions as many per class of random sources from
the same generator; both share a seed. Then: what random folds promise and folds of
subjects keep, and what magnitudes lose.

The spectra are computed once, before any split: they learn nothing from other windows.
The radii are multiples of the "auto" one of all training windows, without their labels.
The tables go to results/wearable.md, below what stands there before its first heading.

    python benchmarks/bench_wearable.py [--seeds 5] [--n-jobs 2] [--quick]
"""

import time
import warnings

import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn import model_selection
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.pipeline import Pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skaug
from data import load
from runs import (
    RESULTS,
    START,
    check,
    claim,
    commit,
    fill_page,
    markdown,
    mean_and_error,
    origin,
    parser_of,
    plus_minus,
    say,
    scores_of,
    write,
)
from skaug.signals import MagnitudeSpectrum

SENSORS = {"body_acc": [0, 1, 2], "body_gyro": [3, 4, 5], "total_acc": [6, 7, 8]}
LOGIT, TREES = "LogisticRegression", "HistGradientBoosting"
NET, ISDA, HARD = "NetClassifier", "ISDAClassifier", "hard regions"
GRIDS = {
    LOGIT: {"C": [0.001, 0.01, 0.1, 1.0]},
    TREES: {"learning_rate": [0.1, 0.2], "max_leaf_nodes": [4, 8]},
    NET: {"lr": [1e-3, 3e-3, 1e-2], "max_epochs": [3, 5, 10, 20]},
    ISDA: {"strength": [0.25, 1.0, 4.0]},
    HARD: {"n_samples": [1, 3], "generator__spread": [0.5, 1.0]},
}
MULTIPLES = [1, 16]  # of the "auto" radius
RAW, RAW_SEEDS = "NetClassifier on raw signals", 3
BY_PERSON = model_selection.GroupKFold(5)
METRICS = ["accuracy", "balanced accuracy", "worst subject", "log-loss"]
BY_SUBJECT = ["accuracy by subject", "log-loss by subject"]
DIGITS = {score: 3 if "loss" in score else 2 for score in METRICS + BY_SUBJECT}
SPLITS = ["random folds", "folds of subjects", "difference", "nine unseen subjects"]
PAIRS = [  # the third and the last are not of equal compute
    (ISDA, NET),
    (f"{LOGIT}, hard", f"{LOGIT}, random"),
    (f"{LOGIT}, hard", LOGIT),
    (f"{NET}, hard", f"{NET}, random"),
    (f"{NET}, hard", NET),
]


def quiet():
    """One thread per process; silence on classes without hard points, unused groups."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="HardRegionSampler: |The groups param")


def model_of(name, seed=0, sampler=None, **settings):
    """A model of the tables behind a scaler, with a sampler between if there is one."""
    model = {
        LOGIT: LogisticRegression(max_iter=2000),
        TREES: HistGradientBoostingClassifier(max_iter=60),
        NET: skaug.NetClassifier(),
        ISDA: skaug.ISDAClassifier(),
    }[name].set_params(random_state=seed, **settings)
    if sampler is not None:
        model = skaug.ResampledClassifier(sampler, model)
    return Pipeline([("scale", StandardScaler()), ("model", model)])


def choose(r, what, pipe, part, prefix="", **fit_params):
    """Note the settings with the least log-loss in five folds of training subjects."""
    grid = {f"model__{prefix}{k}": v for k, v in r["grids"][what].items()}
    options = {"scoring": "neg_log_loss", "cv": BY_PERSON, "refit": False}
    search = model_selection.GridSearchCV(pipe, grid, n_jobs=r["n_jobs"], **options)
    search.fit(part["X"], part["y"], groups=part["groups"], **fit_params)
    best = {
        k.removeprefix(f"model__{prefix}"): v for k, v in search.best_params_.items()
    }
    say(what, best, f"log-loss {-search.best_score_:.3f}")
    r["chosen"][what] = best
    return best


def figures(proba, y, groups):
    """Scores over all rows and by subject, and the confusion matrix; labels from 0."""
    labels = proba.argmax(1)
    loss = -np.log(np.clip(proba[np.arange(len(y)), y], 1e-15, None))
    subjects = [groups == s for s in np.unique(groups)]
    accuracies = [float(100 * np.mean(labels[s] == y[s])) for s in subjects]
    scores = scores_of(y, proba, np.arange(proba.shape[1]))
    return {
        **{metric: float(score) for metric, score in scores.items()},
        "worst subject": min(accuracies),
        "accuracy by subject": accuracies,
        "log-loss by subject": [float(loss[s].mean()) for s in subjects],
        "confusion": confusion_matrix(y, labels).tolist(),
    }


def tested(model, train, test, **fit_params):
    """Fit on the training subjects; figures of the others."""
    quiet()
    model.fit(train["X"], train["y"], **fit_params)
    return figures(model.predict_proba(test["X"]), test["y"], test["groups"])


def out_of_fold(model, part, cv):
    """Figures of the training windows, each predicted by a model that left it out."""
    quiet()
    X, y, groups = part.values()
    options = {"groups": groups, "cv": cv, "method": "predict_proba"}
    proba = model_selection.cross_val_predict(model, X, y, **options)
    return figures(proba, y, groups)


def hard_sampler(seed):
    """The sampler with the paper's sources, generator and numbers of rows."""
    paper = {"sources": "hard", "generator": "vae", "sampling_strategy": "hard"}
    return skaug.HardRegionSampler(**paper, random_state=seed)


def run_seed(seed, train, test, chosen):
    """Figures of all arms that depend on a seed, and the rows added by class."""
    net = chosen[NET]
    runs = {NET: tested(model_of(NET, seed, **net), train, test)}
    runs[ISDA] = tested(model_of(ISDA, seed, **net, **chosen[ISDA]), train, test)
    groups = {"model__groups": train["groups"]}
    for name in (LOGIT, NET):
        sampler = hard_sampler(seed)
        sampler.set_params(**chosen[HARD])
        pipe = model_of(name, seed, sampler, **chosen[name])
        runs[f"{name}, hard"] = tested(pipe, train, test, **groups)
        added = pipe["model"].sampler_.sampling_strategy_
        totals = {k: int(np.sum(train["y"] == k)) + added[k] for k in added}
        pipe["model"].sampler.set_params(sources__rule="all", sampling_strategy=totals)
        runs[f"{name}, random"] = tested(pipe, train, test, **groups)
        assert pipe["model"].sampler_.sampling_strategy_ == added
    return runs, list(added.values())


def parts_of(data, features, quick):
    """Features, labels from 0 and subjects of the training and the test part."""
    features.fit(data.X_train)
    keep = slice(None, None, 10 if quick else 1)
    for part in ("train", "test"):
        X = features.transform(data[f"X_{part}"][keep]).astype(np.float32)
        y, groups = data[f"y_{part}"][keep] - 1, data[f"subject_{part}"][keep]
        yield {"X": X, "y": y, "groups": groups}


def measure(r):
    """Choose, fit and score everything."""
    quiet()
    data, seeds, parallel = load("har"), range(r["seeds"]), Parallel(r["n_jobs"])
    spectra = MagnitudeSpectrum(SENSORS, sampling_rate=50)
    train, test = parts_of(data, spectra, r["quick"])
    r |= {"classes": data.classes, "grids": dict(GRIDS)}
    r |= {"chosen": {}, "main": {}, "leak": {}, "lost": {}}
    chosen, main, lost = r["chosen"], r["main"], r["lost"]
    for name in (LOGIT, TREES, NET):
        choose(r, name, model_of(name), train)
    choose(r, ISDA, model_of(ISDA, **chosen[NET]), train)
    X, y, groups = train.values()
    X = StandardScaler().fit_transform(X)
    unit = skaug.auto_radius(X, groups=groups)
    radii = [round(m * unit, 4) for m in MULTIPLES]
    r["grids"][HARD] = {"sources__radius": radii, **GRIDS[HARD]}
    sampler = hard_sampler(0)
    pipe = model_of(LOGIT, 0, sampler, **chosen[LOGIT])
    best = choose(r, HARD, pipe, train, "sampler__", model__groups=groups)
    # The generator is not needed to count.
    sampler.set_params(**best, generator="noise").fit(X, y, groups=groups)
    for key, mask in {"hard": sampler.potentials_ > 0, "noisy": sampler.noisy_}.items():
        r[key] = [round(100 * float(mask[y == k].mean()), 1) for k in np.unique(y)]
    for name in (LOGIT, TREES):
        main[name] = [tested(model_of(name, **chosen[name]), train, test)]
    arms = parallel(delayed(run_seed)(seed, train, test, chosen) for seed in seeds)
    for runs, r["added"] in arms:
        for name, run in runs.items():
            main.setdefault(name, []).append(run)
    say("seeds tested")
    random_folds = model_selection.StratifiedKFold(5, shuffle=True, random_state=0)
    for name in (LOGIT, TREES, NET):
        models = [model_of(name, s, **chosen[name]) for s in range(len(main[name]))]
        r["leak"][name] = {
            key: parallel(delayed(out_of_fold)(model, train, cv) for model in models)
            for key, cv in {"random": random_folds, "by": BY_PERSON}.items()
        }
    means = FunctionTransformer(lambda X: X.mean(-1))
    train, test = parts_of(data, make_union(spectra, means), r["quick"])
    for name in (LOGIT, NET):
        more = f"{name} on spectra and means"
        r["grids"][more], lost[f"{name} on spectra"] = GRIDS[name], main[name]
        best = choose(r, more, model_of(name), train)
        models = [model_of(name, seed, **best) for seed in range(len(main[name]))]
        lost[more] = parallel(delayed(tested)(m, train, test) for m in models)
    train, test = parts_of(data, FunctionTransformer(), r["quick"])
    raw = {"max_epochs": 2} if r["quick"] else {}
    models = [skaug.NetClassifier(random_state=s, **raw) for s in seeds[:RAW_SEEDS]]
    lost[RAW] = parallel(delayed(tested)(m, train, test) for m in models)
    say("raw signals tested")


def values(runs, metric):
    """A score of every run."""
    return np.array([run[metric] for run in runs])


def levels(runs, *scores):
    """Means and standard deviations over seeds."""
    for score in scores:
        of_runs = values(runs, score)
        deviation = of_runs.std(ddof=1) if len(of_runs) > 1 else np.nan
        yield plus_minus(of_runs.mean(), deviation, DIGITS[score], sign="")


def paired(ours, twin, *scores):
    """Mean differences and their errors, over seeds or, by subject, over subjects."""
    for score in scores:
        gaps = values(ours, score) - values(twin, score)
        gaps = gaps.mean(0) if gaps.ndim == 2 else gaps
        yield plus_minus(*mean_and_error(gaps), DIGITS[score])


def confusions(runs, classes):
    """Recall by class and the three most frequent confusions, in words."""
    matrix = values(runs, "confusion").sum(0)
    shares = 100 * matrix / matrix.sum(1, keepdims=True)
    recall = ", ".join(f"{c} {r:.0f}" for c, r in zip(classes, shares.diagonal()))
    np.fill_diagonal(shares, 0)
    worst = [divmod(i, len(shares)) for i in np.argsort(-shares.ravel())[:3]]
    pairs = [f"{classes[i]} as {classes[j]} {shares[i, j]:.0f}" for i, j in worst]
    return f"recall in %: {recall}; most often {', '.join(pairs)}."


def summary(r):
    """All tables, and how they were made."""
    main, lost, scores = r["main"], r["lost"], METRICS + BY_SUBJECT
    first, some = "accuracy", ["accuracy", "worst subject", "log-loss"]
    promised = [
        [k, *levels(at["random"], first), *levels(at["by"], first)]
        + [*paired(at["random"], at["by"], BY_SUBJECT[0]), *levels(main[k], first)]
        for k, at in r["leak"].items()
    ]
    tables = {
        ("Nine unseen subjects (mean ± standard deviation over seeds)", *METRICS): [
            [k, *levels(v, *METRICS)] for k, v in main.items()
        ],
        ("Paired differences (error over seeds or subjects)", "twin", *scores): [
            [a, b, *paired(main[a], main[b], *scores)] for a, b in PAIRS
        ],
        ("What a split promises", *SPLITS): promised,
        ("What magnitudes lose (nine unseen subjects)", "features", *some): [
            [*k.split(" on "), *levels(v, *some)] for k, v in lost.items()
        ],
    }
    lines = []
    for (title, *columns), of_models in tables.items():
        table = markdown([["model", *columns], *of_models])
        lines += [f"\n## {title}\n", *table]
    lines += ["\n## Classes that are confused\n"]
    lines += [f"- {k}: {confusions(v, r['classes'])}" for k, v in lost.items()]
    lines += [f"\n## Settings\n\n- {r['origin']}; seeds 0 to {r['seeds'] - 1}"]
    lines += [f"- {k}: {v} from {r['grids'][k]}" for k, v in r["chosen"].items()]
    lines += [f"- {k}: {r[k]}" for k in ("hard", "noisy", "added", "seconds")]
    return "\n".join(lines)


def claims(r):
    """Modest claims; results/wearable.md says which bounds were set beforehand."""
    main, lost = r["main"], r["lost"]

    def above(label, ours, twin, bound, metric="accuracy"):
        gap = values(ours, metric).mean() - values(twin, metric).mean()
        return claim(
            f"{label}: {metric} higher by > {bound}", f"{gap:+.3f}", gap > bound
        )

    for name, splits in r["leak"].items():
        label = f"{name}: random folds - folds of subjects"
        yield above(label, splits["random"], splits["by"], 2)
    for ours, twin in PAIRS:
        accuracy, loss = (-1, 0.02) if ours == ISDA else (-4, 0.1)
        yield above(f"{ours} - {twin}", main[ours], main[twin], accuracy)
        # The loss of the twin may be lower, but not by more.
        yield above(f"{twin} - {ours}", main[twin], main[ours], -loss, "log-loss")
    for name in (LOGIT, NET):
        plain, means = f"{name} on spectra", f"{name} on spectra and means"
        yield above(f"{means} - spectra", lost[means], lost[plain], 5)
    yield above(f"{RAW} - spectra", lost[RAW], lost[f"{NET} on spectra"], 5)


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="few windows, one seed")
    r = vars(parser.parse_args())
    r["seeds"] = 1 if r["quick"] else r["seeds"]
    r["origin"] = f"commit {commit()}, {origin()}"
    measure(r)
    r["seconds"] = round(time.time() - START)
    print(summary(r))
    if not r["quick"]:
        write(RESULTS / "wearable.json", r)
        fill_page(RESULTS / "wearable.md", "Wearables", summary(r).strip())
        check(claims(r))


if __name__ == "__main__":
    main()
