"""Influence through the last layer: CPU time, memory and error beside other ways to it.

5,000 training rows, 256 features and a bias, 10 classes, 500 validation rows. Features
are clusters in a latent space behind a ReLU, a tenth of the labels is drawn at random;
all sides get the same weights, the minimum of the mean cross-entropy plus damping / 2
times the squared weights in float64. Two questions: totals, the change of the mean
validation loss per training row, and pairs, that of each validation row.

- skaug: in float64; totals by conjugate gradients, to a residual of 1e-10 and, where
  the others have float32, of 1e-7, pairs by the Cholesky factor.
- autograd: the Hessian from torch.func, as Jacobian-vector products of the gradient in
  blocks, its Cholesky factor, and the gradient of every row; in float64, which is the
  truth for all others, and in float32.
- captum: NaiveInfluenceFunction at full rank, whose Hessian is autograd's too, and
  TracInCPFast, products of gradients without a Hessian, both in float32.

CPU seconds on one thread, of one process, the sides one after the other. Memory is the
peak of the resident set beyond that before the call, in a process of its own whose
allocator hands freed arrays back, after the same call on a small problem. Then rows are
left out one by one and the layer is fitted again; and the size of a wide network's
layer, 100 classes and 640 features, whose Hessian would fill 31 GiB.

    python benchmarks/bench_influence.py
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch

import warnings

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import nn
from torch.utils.data import TensorDataset

from costs import (
    cpu_seconds,
    in_own_process,
    peak_mib,
    print_line,
    run,
    shown,
)
from runs import check, claim, parser_of
from skaug import LastLayerInfluence

try:
    from captum.influence import NaiveInfluenceFunction, TracInCPFast
except ImportError:  # an extra
    NaiveInfluenceFunction = None

N, M, FEATURES, CLASSES = 5000, 500, 256, 10
DAMPING = 0.01
SHORT = "skaug, tol 1e-7"
# Of the CPU time of the exact autograd route.
GOALS = {"totals": 1 / 20, "pairs": 1 / 5}
ERROR_GOAL = 1e-5
LEFT_OUT_GOAL = 0.99
WIDE = (100, 640)  # classes, features
WIDE_MEMORY_GOAL = 4  # times the features in float64


def make_rows(n, n_features, n_classes, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n)
    centres = rng.normal(size=(3 * n_classes, 24))
    latent = centres[3 * y + rng.integers(3, size=n)]
    latent = latent + rng.normal(size=(n, 24))
    X = latent @ rng.normal(size=(24, n_features)) / 24**0.5
    X = np.maximum(X + 0.3 * rng.normal(size=(n, n_features)), 0)
    wrong = rng.random(n) < 0.1
    y[wrong] = rng.integers(n_classes, size=wrong.sum())
    return X, y


class Autograd:
    """The direct solver with everything from automatic differentiation."""

    def __init__(self, influence, y, dtype):
        self.X = influence.features_.to(dtype)
        self.y = torch.from_numpy(y)
        self.W = torch.from_numpy(influence.coef_).to(dtype)

    def loss(self, W, X, y):
        return nn.functional.cross_entropy(X @ W.T, y)

    def hessian(self, block=64):
        gradient = torch.func.grad(lambda W: self.loss(W, self.X, self.y))
        eye = torch.eye(self.W.numel(), dtype=self.W.dtype)
        rows = torch.func.vmap(
            lambda v: torch.func.jvp(gradient, (self.W,), (v,))[1], chunk_size=block
        )(eye.view(-1, *self.W.shape))
        H = rows.view(len(eye), -1)
        H.diagonal().add_(DAMPING)
        return H

    def gradients(self, X, y):
        row = torch.func.grad(lambda W, x, t: self.loss(W, x[None], t[None]))
        rows = torch.func.vmap(row, (None, 0, 0), chunk_size=1000)(self.W, X, y)
        return rows.view(len(X), -1)

    def solve(self, right):
        return torch.cholesky_solve(right.T, torch.linalg.cholesky(self.hessian()))

    def pairs(self, X, y):
        solved = self.solve(self.gradients(X, y))
        return (self.gradients(self.X, self.y) @ solved / len(self.X)).numpy()

    def totals(self, X, y):
        gradient = torch.func.grad(lambda W: self.loss(W, X, y))(self.W)
        solved = self.solve(gradient.view(1, -1))
        return (self.gradients(self.X, self.y) @ solved)[:, 0].numpy() / len(self.X)

    def of_validation(self, X_val, y_val):
        X = torch.from_numpy(X_val).to(self.X.dtype)
        X = torch.cat([X, torch.ones_like(X[:, :1])], dim=1)
        return X, torch.from_numpy(y_val)


def captum_pairs(kind, influence, y, X_val, y_val):
    """Pairs by captum, from rows as it takes them."""
    head = nn.Linear(FEATURES, CLASSES)
    coef = torch.from_numpy(influence.coef_).float()
    head.load_state_dict({"weight": coef[:, :-1], "bias": coef[:, -1]})
    model = nn.Sequential(head)
    X = influence.features_[:, :-1].float()
    val = torch.from_numpy(X_val).float(), torch.from_numpy(y_val)
    common = {
        "model": model,
        "train_dataset": TensorDataset(X, torch.from_numpy(y)),
        "checkpoints_load_func": lambda *_: 1.0,
        "loss_fn": nn.CrossEntropyLoss(reduction="sum"),
        "batch_size": N,
    }
    if kind == "fast":
        theirs = TracInCPFast(final_fc_layer=head, checkpoints=["minimum"], **common)
    else:
        theirs = NaiveInfluenceFunction(
            checkpoint="minimum",
            layers=["0"],
            sample_wise_grads_per_batch=True,
            projection_dim=CLASSES * (FEATURES + 1),
            hessian_reg=DAMPING * N,  # its Hessian is that of the sum
            hessian_inverse_tol=0,
            **common,
        )
    return theirs.influence(val).T.detach().numpy()


def memory_of(side):
    """Peak MiB of all pairs."""

    def fitted(n, n_features):
        X, y = make_rows(n + M, n_features, CLASSES)
        influence = LastLayerInfluence(damping=DAMPING).fit(X[:n], y[:n])
        if side == "skaug":
            return lambda: influence.pairwise(X[n:], y[n:])
        autograd = Autograd(influence, y[:n], getattr(torch, side))
        return lambda: autograd.pairs(*autograd.of_validation(X[n:], y[n:]))

    fitted(600, 20)()
    return peak_mib(fitted(N, FEATURES))


def wide_layer():
    """Seconds and peak MiB of totals in a layer too wide for its Hessian."""
    n_classes, n_features = WIDE
    X, y = make_rows(N + M, n_features, n_classes)
    LastLayerInfluence().fit(X[:300, :9], y[:300] % 3).predicted_loss_change(
        X[-M:, :9], y[-M:] % 3
    )
    influence = LastLayerInfluence(damping=DAMPING)
    fit_seconds, _ = cpu_seconds(influence.fit, X[:N], y[:N])
    found = []
    change = influence.predicted_loss_change
    peak = peak_mib(lambda: found.append(cpu_seconds(change, X[N:], y[N:])[0]))
    direction = influence.validation_direction(X[N:], y[N:])
    features, errors, _ = influence._validation(X[N:], y[N:])
    V = direction @ influence.features_.T
    p = influence.probabilities_.T
    left = (p * (V - (p * V).sum(0))) @ influence.features_ / N + DAMPING * direction
    right = errors.T @ features / M
    return {
        "fit": fit_seconds,
        "seconds": found[0],
        "peak": peak,
        "features": influence.features_.nbytes / 2**20,
        "residual": float((left - right).norm() / right.norm()),
    }


def relative_error(values, truth):
    return np.linalg.norm(values - truth) / np.linalg.norm(truth)


def own_process(case):
    """What `measure` gives where freed arrays go back to the system at once."""
    return in_own_process(__file__, case, MALLOC_MMAP_THRESHOLD_=str(2**20))


def measure(case):
    torch.set_num_threads(1)
    return wide_layer() if case == "wide" else memory_of(case)


def all_sides(influence, y, X_val, y_val):
    """Median CPU seconds and results by side and question."""
    seconds, results = {}, {}

    def time_call(side, question, method, *args):
        spent, results[side, question] = cpu_seconds(method, *args)
        seconds.setdefault((side, question), []).append(spent)

    for _ in range(3):
        influence.factor_ = None
        influence.tol = 1e-7
        time_call(SHORT, "totals", influence.predicted_loss_change, X_val, y_val)
        influence.tol = 1e-10
        time_call("skaug", "totals", influence.predicted_loss_change, X_val, y_val)
        time_call("skaug", "pairs", influence.pairwise, X_val, y_val)
    for dtype in ("float64", "float32"):
        autograd = Autograd(influence, y, getattr(torch, dtype))
        rows, side = autograd.of_validation(X_val, y_val), f"autograd, {dtype}"
        time_call(side, "totals", autograd.totals, *rows)
        time_call(side, "pairs", autograd.pairs, *rows)
    for side, kind in [("captum, naive", "naive"), ("captum, TracInCPFast", "fast")]:
        if NaiveInfluenceFunction is None:
            print(f"{side}: not installed, left out")
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            time_call(side, "pairs", captum_pairs, kind, influence, y, X_val, y_val)
        results[side, "totals"] = results[side, "pairs"].mean(axis=1)
    return {key: float(np.median(spent)) for key, spent in seconds.items()}, results


def print_table(seconds, results, peaks):
    """Print a line per side; return the errors by side and question."""
    errors = {
        (side, question): relative_error(found, results["autograd, float64", question])
        for (side, question), found in results.items()
    }
    truth = results["autograd, float64", "totals"]
    widths = 22, 10, 10, 11, 14, 13, 8
    columns = "totals s", "pairs s", "pairs MiB", "error totals", "error pairs", "rank"
    print_line(widths, ["", *columns])
    for side in [side for side, question in results if question == "totals"]:
        of_totals, of_pairs = (side, "totals"), (side, "pairs")
        cells = [
            shown(seconds.get(of_totals), ".2f"),
            shown(seconds.get(of_pairs), ".2f"),
            shown(peaks.get(side), ".0f"),
            shown(errors[of_totals], ".1e"),
            shown(errors.get(of_pairs), ".1e"),
            f"{spearmanr(results[of_totals], truth).statistic:.3f}",
        ]
        print_line(widths, [side, *cells])
    return errors


def left_out_rank(influence, X_val, y_val, changes):
    """Rank correlation with refits without a row; prints how well the sizes agree."""
    order = np.argsort(changes)
    others = np.random.default_rng(0).permutation(order[10:-10])[:10]
    rows = np.r_[order[:10], order[-10:], others]
    spent, actual = cpu_seconds(influence.refitted_loss_change, X_val, y_val, rows)
    rank = spearmanr(changes[rows], actual).statistic
    print(
        f"leaving out {len(rows)} rows, ten of either end and ten others: Spearman "
        f"{rank:.4f}, Pearson {np.corrcoef(changes[rows], actual)[0, 1]:.4f}, slope "
        f"{np.polyfit(changes[rows], actual, 1)[0]:.3f}; {spent:.1f} s CPU"
    )
    return rank


def main(options):
    torch.set_num_threads(1)
    X, y = make_rows(N + M, FEATURES, CLASSES)
    X, y, X_val, y_val = X[:N], y[:N], X[N:], y[N:]
    influence = LastLayerInfluence(damping=DAMPING)
    fit_seconds, _ = cpu_seconds(influence.fit, X, y)
    logits = X_val @ influence.coef_[:, :-1].T + influence.coef_[:, -1]
    accuracy = (logits.argmax(1) == y_val).mean()
    print(
        f"{N:,} rows, {FEATURES} features and a bias, {CLASSES} classes, {M} rows for "
        f"validation, damping {DAMPING}; 1 thread, torch {torch.__version__}\n"
        f"fitted in {fit_seconds:.2f} s CPU, validation accuracy {accuracy:.3f}\n"
    )
    seconds, results = all_sides(influence, y, X_val, y_val)
    cases = "skaug", "float64", "float32"
    peaks = [own_process(case) for case in cases]
    peaks = dict(zip(["skaug", "autograd, float64", "autograd, float32"], peaks))
    errors = print_table(seconds, results, peaks)
    ratios = {
        ("autograd, float64", "totals"): seconds["skaug", "totals"],
        ("autograd, float32", "totals"): seconds[SHORT, "totals"],
        # Like with like: pairs are in float64.
        ("autograd, float64", "pairs"): seconds["skaug", "pairs"],
    }
    ratios = {key: spent / seconds[key] for key, spent in ratios.items()}
    claims = []
    for (side, question), ratio in ratios.items():
        text = f"{question}: CPU time at most 1/{1 / GOALS[question]:.0f} of {side}"
        claims.append(claim(text, f"1/{1 / ratio:.1f}", ratio <= GOALS[question]))
    bound, peak = ((CLASSES * (FEATURES + 1)) ** 2 + N * M) * 8 / 2**20, peaks["skaug"]
    print(f"memory of pairs: bound {bound:.1f} MiB, peak {shown(peak, '.1f')} MiB")
    rank = left_out_rank(influence, X_val, y_val, results["skaug", "totals"])
    wide = own_process("wide")
    print(
        f"{WIDE[0]} classes, {WIDE[1]} features, {WIDE[0] * (WIDE[1] + 1):,} "
        f"parameters: fitted in {wide['fit']:.1f} s CPU, totals in "
        f"{wide['seconds']:.2f} s, peak {shown(wide['peak'], '.0f')} MiB beyond the "
        f"{wide['features']:.0f} MiB of features, residual {wide['residual']:.1e}"
    )
    error = max(e for (side, _), e in errors.items() if "skaug" in side)
    memory, limit = wide["peak"], WIDE_MEMORY_GOAL * wide["features"]
    claims += [
        claim(f"errors at most {ERROR_GOAL}", f"{error:.1e}", error <= ERROR_GOAL),
        claim(f"rank of refits {LEFT_OUT_GOAL} or more", rank, rank >= LEFT_OUT_GOAL),
        claim("memory of pairs within the bound", peak, not peak or peak <= bound),
        claim(f"wide layer: at most {limit:.0f} MiB", memory, (memory or 0) <= limit),
        claim("wide layer solved", wide["residual"], wide["residual"] <= 1e-9),
    ]
    check(claims)


if __name__ == "__main__":
    run(parser_of(__doc__), main, measure)
