"""The stochastic solver of influence beside LiSSA, for equally many products.

5,000 training rows, 256 features and a bias, 10 classes, 500 validation rows, as in
``bench_influence.py``. The system is that of the validation direction, s_val, at two
dampings. The truth is conjugate gradients to 1e-12. All others take products of the
Hessian on batches of 512 rows, the same number of them:

- skaug: ``solver="stochastic"``: preconditioned steps, and the mean of the second half.
- LiSSA, as in the code that the influence paper follows (P. W. Koh, P. Liang, ICML
  2017): v becomes g + v - H v / scale, and v / scale is the answer. With a scale below
  the largest eigenvalue of some batch it diverges; with a large one it is slow. Scales
  are 10, that code's default, and the largest eigenvalue times 1.1 and times 3.

    python benchmarks/bench_stochastic.py
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch

import numpy as np
import torch

from bench_influence import CLASSES, FEATURES, M, N, make_rows
from costs import cpu_seconds, print_line
from runs import check, claim, origin, parser_of
from skaug import LastLayerInfluence
from skaug.influence import hessian_product

DAMPINGS = (0.1, 0.01)
BATCH = 512
WIDTHS = 10, 34, 12, 12


def largest_eigenvalue(influence, damping):
    """Largest eigenvalue of the damped Hessian, by the power method."""
    features, p = influence.features_, influence.probabilities_
    V = torch.from_numpy(np.random.default_rng(0).normal(size=influence.coef_.shape))
    for _ in range(50):
        V = hessian_product(features, p, V / V.norm(), damping)
    return float(V.norm())


def lissa(influence, gradient, damping, scale, n_steps, seed):
    """LiSSA's answer after so many products on batches."""
    features, p = influence.features_, influence.probabilities_
    generator = torch.Generator().manual_seed(seed)
    V = gradient.clone()
    for _ in range(n_steps):
        batch = torch.randint(len(features), (BATCH,), generator=generator)
        V = (
            gradient
            + V
            - hessian_product(features[batch], p[batch], V, damping) / scale
        )
    return V / scale


def answers(X, y, X_val, y_val, damping):
    """Yield name, CPU seconds and answer of each way, the truth first."""

    def direction(**parameters):
        influence = LastLayerInfluence(damping=damping, **parameters).fit(X, y)
        return cpu_seconds(influence.validation_direction, X_val, y_val)

    yield "conjugate gradients", *direction(solver="cg", tol=1e-12)
    ours = {"solver": "stochastic", "batch_size": BATCH, "random_state": 0}
    yield "skaug, stochastic", *direction(**ours)
    influence = LastLayerInfluence(damping=damping).fit(X, y)
    gradient = influence.validation_gradient(X_val, y_val)
    n_steps = max(200, 30 * N // BATCH)  # those of skaug's, its ten to begin with apart
    largest = largest_eigenvalue(influence, damping)
    scales = {"10": 10.0, "1.1 x the largest eigenvalue": 1.1 * largest}
    scales["3 x the largest eigenvalue"] = 3 * largest
    for name, scale in scales.items():
        spent, found = cpu_seconds(
            lissa, influence, gradient, damping, scale, n_steps, 0
        )
        yield f"LiSSA, {name}", spent, found


def main(options):
    torch.set_num_threads(1)
    print(origin())
    X, y = make_rows(N + M, FEATURES, CLASSES)
    rows = X[:N], y[:N], X[N:], y[N:]
    print_line(WIDTHS, ["damping", "", "error", "CPU s"])
    claims = []
    for damping in DAMPINGS:
        errors, truth = {}, None
        for name, spent, found in answers(*rows, damping):
            truth = found if truth is None else truth
            errors[name] = float((found - truth).norm() / truth.norm())
            print_line(WIDTHS, [damping, name, f"{errors[name]:.1e}", f"{spent:.2f}"])
        ours = errors.pop("skaug, stochastic")
        best = min(error for name, error in errors.items() if "LiSSA" in name)
        text = f"damping {damping}: error below that of the best LiSSA"
        claims.append(claim(text, f"{ours:.1e} of {best:.1e}", ours < best))
    check(claims)


if __name__ == "__main__":
    main(parser_of(__doc__).parse_args())
