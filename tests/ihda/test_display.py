"""Displays of IHDA: what is drawn is what fits, scores and samples come to."""

from functools import partial

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import legend_of, refuses
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer, log_loss, make_scorer, recall_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skaug import (
    ActivationDisplay,
    HardPoints,
    IHDAFinetuner,
    LevelGainDisplay,
    NetClassifier,
    VAEGenerator,
    potential,
)

# Small autoencoders explain little, which the finetuner tells.
pytestmark = pytest.mark.filterwarnings("ignore:IHDAFinetuner, level:UserWarning")


gain_of = LevelGainDisplay.from_estimator
activations_of = ActivationDisplay.from_estimator


def ticks(display):
    return [tick.get_text() for tick in display.ax_.get_xticklabels()]


def ihda(net=None, **params):
    net = NetClassifier(max_epochs=3) if net is None else net
    small = {"generator": "noise", "tune_share": 0.7, "tune_lr": 1.0, "random_state": 0}
    return IHDAFinetuner(net).set_params(**{**small, **params})


@pytest.fixture
def halves(table):
    """Training rows and labels, then those to score on."""
    X, y = table
    X = X.astype(np.float32)
    return X[::2], y[::2], X[1::2], y[1::2]


@pytest.fixture(scope="module")
def fitted(digits):
    X, y = digits[0][:200], digits[1][:200]
    return ihda(generator=VAEGenerator(steps=30)).fit(X, y), X, y


def minimal_recall(y_true, y_pred):
    return recall_score(y_true, y_pred, average=None).min()


@pytest.mark.parametrize("scoring", [None, "neg_log_loss"])
def test_stages_are_those_of_plain_fits(halves, scoring):
    X, y, X_test, y_test = halves
    finetuner = ihda(generator=VAEGenerator(steps=10))
    display = gain_of(finetuner, *halves, scoring=scoring, n_repeats=2, random_state=5)
    score = get_scorer(scoring or "accuracy")
    for repeat, seed in enumerate((5, 6)):
        sides = {0.5: display.scores, 0.0: display.scores_real}
        for share, scores in sides.items():
            model = clone(finetuner).set_params(synthetic_share=share)
            stages = model.set_params(random_state=seed).staged_fit(X, y)
            expected = [score(stage, X_test, y_test) for stage in stages]
            np.testing.assert_array_equal(scores[repeat], expected)
    plain = finetuner.set_params(random_state=6).fit(X, y)
    assert display.scores[1, -1] == score(plain, X_test, y_test)
    assert display.levels == ["input", "blocks.0", "blocks.1"]


def test_both_sides_start_from_one_base_training(halves):
    display = gain_of(ihda(), *halves, scoring="neg_log_loss", n_repeats=3)
    np.testing.assert_array_equal(display.scores[:, 0], display.scores_real[:, 0])
    assert display.gain[0] == display.gain_error[0] == 0
    assert (display.scores[:, 1:] != display.scores_real[:, 1:]).all()
    # Repeats differ in their base training.
    assert len(np.unique(display.scores[:, 0])) == 3
    # Without samples the sides are equal throughout.
    finetuner = ihda(synthetic_share=0)
    display = gain_of(finetuner, *halves, scoring="neg_log_loss", n_repeats=2)
    np.testing.assert_array_equal(display.scores, display.scores_real)
    assert len(np.unique(display.scores[0])) == 4
    assert not display.gain.any() and not display.gain_error.any()


def test_gain_is_the_paired_difference_with_its_standard_error():
    scores = np.array([[0.5, 0.8], [0.7, 0.9], [0.6, 1.0]])
    real = np.array([[0.5, 0.7], [0.7, 0.7], [0.6, 0.7]])
    skipped = np.zeros((3, 1), bool)
    display = LevelGainDisplay(scores, real, ["a"], skipped)
    np.testing.assert_allclose(display.gain, [0, 0.2])
    # Differences 0.1, 0.2 and 0.3 have a standard deviation of 0.1.
    np.testing.assert_allclose(display.gain_error, [0, 0.1 / np.sqrt(3)])
    single = LevelGainDisplay(scores[:1], real[:1], ["a"], skipped[:1])
    assert np.isnan(single.gain_error).all()


def test_curves_and_bands_are_mean_and_standard_error():
    rng = np.random.default_rng(0)
    scores, real = rng.uniform(size=(2, 4, 3))
    display = LevelGainDisplay(scores, real, ["a", "b"], np.zeros((4, 2), bool))

    def check(side, values):
        mean = values.mean(axis=0)
        error = values.std(axis=0, ddof=1) / 2
        np.testing.assert_allclose(display.lines_[side].get_ydata(), mean)
        corners = display.bands_[side].get_paths()[0].vertices
        for stage in range(3):
            heights = corners[corners[:, 0] == stage, 1]
            np.testing.assert_allclose(heights.min(), mean[stage] - error[stage])
            np.testing.assert_allclose(heights.max(), mean[stage] + error[stage])

    assert display.plot() is display
    assert set(display.lines_) == {"ihda", "real"}
    check("ihda", scores)
    check("real", real)
    display.plot(kind="gain")
    assert set(display.lines_) == {"gain"}
    check("gain", scores - real)
    assert display.ax_.get_ylabel() == "score,\ngain over the twin"


def test_training_of_a_prefit_estimator_is_kept(halves):
    X, y, X_test, y_test = halves
    net = NetClassifier(max_epochs=3, random_state=7).fit(X, y)
    before = net.predict_proba(X_test)
    finetuner = ihda(FrozenEstimator(net))
    frozen = gain_of(finetuner, *halves, scoring="neg_log_loss", n_repeats=2)
    for scores in (frozen.scores, frozen.scores_real):
        np.testing.assert_allclose(scores[:, 0], -log_loss(y_test, before))
    np.testing.assert_array_equal(net.predict_proba(X_test), before)


def test_the_finetuner_is_not_changed(halves):
    X, y, X_test, _ = halves
    finetuner = ihda(random_state=3).fit(X, y)
    before, params = finetuner.predict_proba(X_test), finetuner.get_params(deep=False)
    again = gain_of(finetuner, *halves)
    np.testing.assert_array_equal(finetuner.predict_proba(X_test), before)
    assert finetuner.get_params(deep=False) == params
    # Its own seed is the first one.
    assert again.scores[0, -1] == finetuner.score(X_test, halves[3])


def test_groups_reach_the_fit(halves):
    with refuses("one group per row"):
        gain_of(ihda(), *halves, groups=[0, 1])
    groups = np.arange(len(halves[0])) // 5
    assert gain_of(ihda(), *halves, groups=groups).scores.shape == (1, 4)


@pytest.mark.parametrize(
    "scoring, name",
    [
        (None, "accuracy"),
        ("neg_log_loss", "negative log loss"),
        ("balanced_accuracy", "balanced accuracy"),
        (make_scorer(minimal_recall), "minimal recall"),
        (get_scorer("accuracy"), "accuracy score"),
    ],
)
def test_score_is_named(halves, scoring, name):
    finetuner = ihda(levels=["blocks.1"])
    display = gain_of(finetuner, *halves, scoring=scoring)
    assert display.score_name == display.ax_.get_ylabel() == name
    display = gain_of(finetuner, *halves, scoring=scoring, score_name="mine")
    assert display.ax_.get_ylabel() == "mine"


def test_skipped_levels_are_marked(halves):
    display = gain_of(ihda(skip_probability=1), *halves)
    assert display.skipped[0, 0], "p = 1 skips the first level for certain"
    assert ticks(display)[:2] == ["base\ntraining", "input\n(skipped)"]
    for scores in (display.scores[0], display.scores_real[0]):
        np.testing.assert_array_equal(np.diff(scores)[display.skipped[0]], 0)
    skipped = np.array([[0, 1], [0, 1], [0, 0]], bool)

    def plotted(levels, skipped):
        scores = np.zeros((3, len(levels) + 1))
        return LevelGainDisplay(scores, scores, list(levels), skipped).plot()

    expected = ["base\ntraining", "a", "b\n(2/3 skipped)"]
    assert ticks(plotted("ab", skipped)) == expected
    # Of many levels the labels are tilted and have one line.
    display = plotted("abababab", np.tile(skipped, 4))
    assert ticks(display)[:3] == ["base training", "a", "b (2/3 skipped)"]
    assert display.ax_.get_xticklabels()[0].get_rotation() == 45


def test_drawing_on_given_axes_and_again(halves):
    figure, ax = plt.subplots()
    display = gain_of(ihda(), *halves, ax=ax, kind="gain")
    assert display.ax_ is ax and display.figure_ is figure and not display.bands_
    assert display.plot().ax_ is not ax
    display.figure_.canvas.draw()
    assert legend_of(display) == ["real-only twin", "IHDA"]


def test_a_fit_that_was_stopped_is_not_drawn(halves):
    class Stopped(IHDAFinetuner):
        def _augment(self, *args):
            raise KeyboardInterrupt

    finetuner = Stopped(NetClassifier(max_epochs=1), random_state=0)
    with refuses("got Ctrl-C at level 'input'", KeyboardInterrupt):
        gain_of(finetuner, *halves)


def test_the_twin_takes_what_was_chosen(halves, monkeypatch):
    make, made = IHDAFinetuner._tuner, []
    monkeypatch.setattr(
        IHDAFinetuner, "_tuner", lambda *args: made.append(1) or make(*args)
    )
    finetuner = ihda(tune_lr="validated", synthetic_share=0.5)
    display = gain_of(finetuner, *halves, scoring="neg_log_loss")
    assert len(made) == 1, "only one side has chosen"
    model = clone(finetuner).fit(*halves[:2])
    levels = model.tuning_.levels
    assert any(told.tune_lr for told in levels)
    radii = [0.0 if told.radius == 0 else "auto" for told in levels]
    twin = clone(finetuner).set_params(
        synthetic_share=0.0,
        sources=HardPoints("all", radius=radii),
        tune_lr=[told.tune_lr for told in levels],
    )
    for scores, side in ((display.scores, model), (display.scores_real, twin)):
        loss = log_loss(halves[3], side.fit(*halves[:2]).predict_proba(halves[2]))
        np.testing.assert_allclose(scores[0, -1], -loss)


@pytest.mark.parametrize("level, width", [("input", 64), (None, None)])
def test_projections_are_those_of_the_real_activations(fitted, level, width):
    finetuner, X, y = fitted
    display = activations_of(finetuner, X, y, level, n_samples=2)
    real, synthetic, source_index = finetuner.sample(X, y, level, n_samples=2)
    assert width in (None, real.shape[1])
    # By hand: the two largest singular vectors of the centred activations.
    mean = real.mean(axis=0)
    _, values, axes = np.linalg.svd(real - mean, full_matrices=False)
    signs = np.sign(np.sum((real - mean) @ axes[:2].T * display.points, axis=0))
    near = partial(np.testing.assert_allclose, atol=1e-3)
    near(display.points, (real - mean) @ axes[:2].T * signs)
    near(display.points, PCA(2).fit_transform(real))
    near(display.synthetic_points, (synthetic - mean) @ axes[:2].T * signs)
    np.testing.assert_array_equal(display.source_index, source_index)
    share = 100 * values[0] ** 2 / np.sum(values**2)
    label = f"first principal axis ({share:.0f} % of variance)"
    assert display.ax_.get_xlabel() == label
    assert display.level == (level or "blocks.1")
    assert display.ax_.get_title() == f"level {display.level}"


def test_samples_without_spread_lie_on_their_sources(halves):
    X, y, *_ = halves
    finetuner = ihda(generator__spread=0).fit(X, y)
    display = activations_of(finetuner, X, y, n_samples=3)
    np.testing.assert_array_equal(display.source_index, np.repeat(range(len(X)), 3))
    sources = np.repeat(display.points, 3, axis=0)
    np.testing.assert_allclose(display.synthetic_points, sources, atol=1e-5)


def test_points_have_the_colour_of_their_class(fitted):
    _, X, y = fitted
    names = np.array(list("abcdefghij"))[y]
    display = activations_of(ihda().fit(X, names), X, names, n_samples=2)
    display.figure_.canvas.draw()
    for code, name in enumerate("abcdefghij"):
        real, made = (display.scatter_[name, kind] for kind in ("real", "synthetic"))
        rows = np.flatnonzero(names == name)
        np.testing.assert_array_equal(real.get_offsets(), display.points[rows])
        expected = display.synthetic_points[np.isin(display.source_index, rows)]
        np.testing.assert_array_equal(made.get_offsets(), expected)
        colour = matplotlib.colors.to_rgb(f"C{code}")
        np.testing.assert_allclose(real.get_facecolor()[0, :3], colour)
        np.testing.assert_allclose(made.get_edgecolor()[0, :3], colour)
        assert len(made.get_facecolor()) == 0
    assert legend_of(display) == [*"abcdefghij", "real", "synthetic"]


def test_more_than_ten_classes_have_other_markers():
    points, codes = np.random.default_rng(0).normal(size=(12, 2)), np.arange(12)
    names = {"level": "a", "axis_labels": ("x", "y")}
    display = ActivationDisplay(points, points, codes, codes, **names).plot()
    scatter = [display.scatter_[label, "real"] for label in (0, 9, 10)]
    first, ninth, tenth = (s.get_paths()[0].vertices.shape for s in scatter)
    assert first == ninth != tenth
    colours = [s.get_facecolor() for s in scatter]
    np.testing.assert_array_equal(colours[0], colours[2])


def test_lines_join_samples_to_sources(fitted):
    finetuner, X, y = fitted
    display = activations_of(finetuner, X[:20], y[:20], n_samples=3)
    segments = np.array(display.lines_.get_segments())
    np.testing.assert_allclose(segments[:, 0], np.repeat(display.points, 3, axis=0))
    np.testing.assert_allclose(segments[:, 1], display.synthetic_points)
    assert display.plot(lines=False).lines_ is None
    display = activations_of(finetuner, X, y)
    assert display.lines_ is None
    assert len(display.plot(lines=True).lines_.get_segments()) == len(X)


def test_activations_of_channels_are_flattened():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 6, 100)).astype(np.float32), np.arange(40) % 2
    finetuner = ihda(NetClassifier(max_epochs=1)).fit(X, y)
    level = next(iter(finetuner.generators_))
    display = activations_of(finetuner, X, y, level)
    real, _, _ = finetuner.sample(X, y, level)
    assert real.ndim == 3 and display.points.shape == (40, 2)
    expected = PCA(2, svd_solver="full").fit_transform(real.reshape(40, -1))
    np.testing.assert_allclose(np.abs(display.points), np.abs(expected), atol=1e-3)


def test_activations_on_given_axes_without_legend(fitted):
    figure, ax = plt.subplots()
    display = activations_of(*fitted, ax=ax, legend=False, scatter_kw={"s": 3})
    assert display.ax_ is ax and display.figure_ is figure
    assert display.legend_ is None
    assert display.scatter_[0, "real"].get_sizes() == [3]
    assert display.plot() is display and display.ax_ is not ax


def test_hard_points_are_ringed(digits):
    X, y = digits[0][:150], digits[1][:150]
    radius = {"input": 0.3, "blocks.0": "auto", "blocks.1": 0.5}
    finetuner = ihda(sources=HardPoints("hard", radius=radius)).fit(X, y)
    for level in finetuner.generators_:
        display = activations_of(finetuner, X, y, level)
        real, _, _ = finetuner.sample(X, y, level)
        used = finetuner.levels_[list(radius).index(level)].radius
        expected = potential(real, y, radius=used)
        np.testing.assert_allclose(display.potentials, expected, rtol=1e-4, atol=1e-5)
        rings = display.rings_.get_offsets()
        np.testing.assert_array_equal(rings, display.points[expected > 0])
        assert 0 < len(rings) < 100 and legend_of(display)[-1] == "hard"
    assert activations_of(finetuner, X, y, hard=False).rings_ is None
    alone = np.arange(len(X)) // 2  # fewer neighbours
    grouped = activations_of(finetuner, X, y, "input", groups=alone).potentials
    real, _, _ = finetuner.sample(X, y, "input")
    expected = potential(real, y, radius=0.3, groups=alone)
    np.testing.assert_allclose(grouped, expected, rtol=1e-4, atol=1e-5)
    # A rule without a radius shows no rings unless asked to.
    free = ihda().fit(X, y)
    assert activations_of(free, X, y).potentials is None
    assert activations_of(free, X, y, hard=True).rings_ is not None


def test_hard_points_are_those_among_channel_means():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 6, 100)).astype(np.float32), np.arange(40) % 2
    sources = HardPoints("hard", maps="means", metric="euclidean")
    finetuner = ihda(NetClassifier(max_epochs=1), sources=sources).fit(X, y)
    level = next(iter(finetuner.generators_))
    real, _, _ = finetuner.sample(X, y, level)
    radius = finetuner.levels_[0].radius
    means = real.mean(axis=2)
    expected = potential(means, y, radius=radius, gamma=radius / 2, metric="euclidean")
    found = activations_of(finetuner, X, y, level).potentials
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert (expected > 0).any()


def test_some_rows_are_shown_with_their_samples(fitted):
    finetuner, X, y = fitted
    all_rows = activations_of(finetuner, X, y, n_samples=2, hard=True)
    some = activations_of(finetuner, X, y, n_samples=2, hard=True, max_rows=50)
    real, synthetic, _ = finetuner.sample(X, y, n_samples=2)
    rows = np.sort(np.random.RandomState(0).permutation(len(X))[:50])
    np.testing.assert_array_equal(some.y, y[rows])
    np.testing.assert_array_equal(some.potentials, all_rows.potentials[rows])
    np.testing.assert_array_equal(some.source_index, np.repeat(range(50), 2))
    pca = PCA(2, svd_solver="full").fit(real[rows])
    made = synthetic.reshape(len(X), 2, -1)[rows].reshape(100, -1)
    np.testing.assert_allclose(some.synthetic_points, pca.transform(made), atol=1e-4)
    assert some.ax_.get_title() == "level blocks.1, 50 of 200 rows"


def test_tsne_keeps_neighbours_together(fitted):
    finetuner, X, y = fitted
    show = partial(activations_of, finetuner, X, y, "input", method="tsne", max_rows=60)
    display, again = show(), show()
    np.testing.assert_array_equal(display.points, again.points)
    assert (display.points != show(random_state=1).points).any()
    assert display.points.shape == display.synthetic_points.shape == (60, 2)
    assert display.ax_.get_xlabel() == "first t-SNE axis"
    # A row's nearest neighbour in the picture is mostly of its class, and a sample's
    # nearest row too: both went through one embedding.
    neighbours = KNeighborsClassifier(1).fit(display.points, display.y)
    labels = display.y[display.source_index]
    assert neighbours.score(display.synthetic_points, labels) > 0.8
    few = activations_of(finetuner, X[:4], y[:4], method="tsne")
    assert np.isfinite(few.points).all()


def test_levels_side_by_side(fitted):
    finetuner, X, y = fitted
    displays = ActivationDisplay.from_levels(finetuner, X, y, n_samples=2)
    assert [d.level for d in displays] == list(finetuner.generators_)
    assert len({d.figure_ for d in displays}) == 1
    assert [d.legend_ is None for d in displays] == [True, True, False]
    single = activations_of(finetuner, X, y, "blocks.0", n_samples=2)
    np.testing.assert_array_equal(displays[1].points, single.points)
    _, axes = plt.subplots(2)
    names = ["blocks.1", "input"]
    displays = ActivationDisplay.from_levels(finetuner, X, y, names, axes=axes)
    assert [d.level for d in displays] == names and displays[0].ax_ is axes[0]
    with refuses("from_levels needs as many axes as .*, 3; got 2"):
        ActivationDisplay.from_levels(finetuner, X, y, axes=axes)


@pytest.mark.parametrize("n", [0, 1.5, "many"])
def test_wrong_parameters_are_refused(halves, fitted, n):
    with refuses("LevelGainDisplay needs n_repeats to be a whole number >= 1; got"):
        gain_of(ihda(), *halves, n_repeats=n)
    with refuses("ActivationDisplay needs n_samples to be a whole number >= 1; got"):
        activations_of(*fitted, n_samples=n)
    with refuses(f"ActivationDisplay needs method to be 'pca' or 'tsne'; got {n!r}"):
        activations_of(*fitted, method=n)
    with refuses(f"needs hard to be True, False or 'auto'; got {n!r}"):
        activations_of(*fitted, hard=n)
    with refuses(f"needs max_rows to be a whole number >= 2; got {n!r}"):
        activations_of(*fitted, max_rows=n)
    with refuses(f"needs kind to be 'scores' or 'gain'; got {n!r}"):
        gain_of(ihda(), *halves, kind=n)
    with refuses("needs random_state to be an integer or None", TypeError):
        gain_of(ihda(), *halves, random_state="a")


def test_what_is_no_finetuner_is_refused(halves, fitted):
    finetuner, *rows = fitted
    for wrong in (LogisticRegression(), make_pipeline(StandardScaler(), finetuner)):
        name = type(wrong).__name__
        for draw, data in ((gain_of, halves), (activations_of, rows)):
            message = rf"Display needs an IHDAFinetuner; got a {name}\. Of a pipeline"
            with refuses(message, TypeError):
                draw(wrong, *data)
    with refuses("is not fitted yet", NotFittedError):
        activations_of(ihda(), *rows)


def test_levels_without_two_axes_of_samples_are_refused(halves, fitted):
    finetuner, X, y = fitted
    with refuses(r"got 'head'\. Name one of \['input', "):
        activations_of(*fitted, level="head")
    twin = ihda(synthetic_share=0).fit(*halves[:2])
    with refuses(r"got None\. No level was; fit with synth"):
        activations_of(twin, *halves[:2])
    with refuses(r"two activations or more per row; got shape \(1, 64"):
        activations_of(finetuner, X[:1], y[:1], "input")
