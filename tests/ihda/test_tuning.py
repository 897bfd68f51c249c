"""Radius, rate, p and batch_norm, chosen on rows held out; the predictor by name."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from helpers import refuses
from scipy.stats import sem
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from torch import nn

from skaug import (
    HardPoints,
    HardRegionSampler,
    IHDAFinetuner,
    NetClassifier,
    VAEGenerator,
)
from skaug.ihda import level, level_skip_probability, tuning
from skaug.ihda.refits import as_chosen
from skaug.ihda.tuning import short_list, skipped_levels

pytestmark = [
    pytest.mark.filterwarnings("ignore:IHDAFinetuner:UserWarning"),
    pytest.mark.filterwarnings("ignore:Rows of zeros only:UserWarning"),
]

NET = NetClassifier(module__hidden=(12, 8), max_epochs=5, random_state=0)
SMALL = VAEGenerator(4, steps=8, keep_residual=False, decoder_noise=0.0)
HARD = HardPoints("hard", radius="validated")


def paper(estimator=NET, **params):
    """The paper's reading with a large part held out, and no autoencoder to train."""
    given = {"generator": "noise", "random_state": 0, "validation": 0.3, **params}
    return IHDAFinetuner.paper(estimator, **given)


def mixed(estimator=NET, **params):
    """Only what is asked for is chosen; batches are half real."""
    given = {"levels": "hidden", "generator": "noise", "random_state": 0, **params}
    return IHDAFinetuner(estimator, **given)


def same(a, b):
    a, b = (model.estimator_.module_.state_dict() for model in (a, b))
    return all(a[key].equal(b[key]) for key in a)


def chosen(model):
    """What was chosen, as parameters that say the same in numbers."""
    levels = model.tuning_.levels
    return {
        "sources__radius": [told.radius for told in levels],
        "tune_lr": [told.tune_lr for told in levels],
        "skip_probability": model.tuning_.skip_probability,
        "batch_norm": model.tuning_.batch_norm,
        "validation": None,
    }


def sides(model, y, groups=None):
    """Numbers of the rows to train on and of those held out."""
    seed = np.random.RandomState(model.random_state).randint(2**31 - 1, size=2)[1]
    return model._split(y, groups, seed)


@pytest.fixture(scope="module")
def data():
    """Three classes that mix."""
    return make_classification(
        n_samples=150, n_features=8, n_informative=6, n_classes=3, random_state=0
    )


@pytest.fixture(scope="module")
def net(data):
    """The net, trained on all rows."""
    return clone(NET).fit(*data)


@pytest.fixture(scope="module")
def tuned(data):
    """The paper's reading, with at least one level that is augmented."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = paper(generator=SMALL).fit(*data)
    assert any(told.radius for told in model.tuning_.levels)
    model.warned = messages(caught)
    return model


def judged(*data):
    """A finetuner that chose its rate, and what it saw of the rows held out."""
    losses = []

    class Watched(tuning.Tuner):
        def _judge(self):
            losses.append(super()._judge())
            return losses[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skaug.ihda.finetuner.Tuner", Watched)
        model = mixed(tune_lr="validated", levels=["blocks.0"], validation=0.3)
        return model.fit(*data), losses


def messages(caught):
    return sorted(str(one.message) for one in caught)


# Mathematics


def test_the_least_loss_wins(tuned):
    before = tuned.tuning_.loss_before
    for told, record in zip(tuned.tuning_.levels, tuned.levels_, strict=True):
        alone = told.tried[0]
        assert alone.radius == 0 and alone.error == 0 and alone.loss == before
        best = min(told.tried, key=lambda trial: trial.loss)
        assert (told.radius, told.tune_lr) == (best.radius, best.tune_lr)
        before = best.loss
        if not record.skipped:
            assert (record.radius, record.tune_lr) == (best.radius, best.tune_lr)
    skips = tuned.tuning_.skips
    assert skips[0].skip_probability == 0 and skips[0].loss == before
    best = min(skips, key=lambda trial: trial.loss)
    assert tuned.tuning_.skip_probability == best.skip_probability


def test_trials_by_another_route(tuned, data):
    X, y = data
    train, held_out = sides(tuned, y)
    base = clone(NET).set_params(classes=np.unique(y)).fit(X[train], y[train])
    record = tuned.tuning_
    assert (record.n_train, record.n_held_out) == (len(train), len(held_out))

    def loss_of(**params):
        """Fine-tune the base with numbers, and look at the rows held out."""
        model = clone(tuned).set_params(estimator=FrozenEstimator(base))
        model.set_params(**{**chosen(tuned), **params}).fit(X[train], y[train])
        cut = model._cut_net(model.estimator_, X, y, None, None)
        rows = cut.rows(held_out)
        rows.reach(cut.names[-1])
        return rows.loss()

    n = len(record.levels)
    for number, told in enumerate(record.levels):
        for trial in told.tried[3:4]:
            of_level = {"sources__radius": trial.radius, "tune_lr": trial.tune_lr}
            params = {"skip_probability": 0.0}
            for name, one in of_level.items():
                params[name] = [*chosen(tuned)[name][:number], one]
                params[name] += [0.0] * (n - 1 - number)
            assert loss_of(**params) == pytest.approx(trial.loss, rel=1e-6)
    for trial in record.skips[2:3]:
        found = loss_of(skip_probability=trial.skip_probability)
        assert found == pytest.approx(trial.loss, rel=1e-6)


def test_both_modes_of_batch_normalisation_are_searched_from_one_start(data):
    """What is told of a mode is what a search with this mode alone finds."""
    model = paper(radius=0.5, tune_lr=0.4).fit(*data)
    found = model.tuning_
    assert [trial.batch_norm for trial in found.batch_norms] == ["frozen", "train"]
    for trial in found.batch_norms:
        alone = clone(model).set_params(batch_norm=trial.batch_norm).fit(*data)
        of_mode = alone.tuning_
        assert of_mode.batch_norm == trial.batch_norm and of_mode.batch_norms == []
        tried = [one.loss for one in of_mode.levels[-1].tried]
        assert trial.loss == min(tried) < found.loss_before
        wins = trial.batch_norm == found.batch_norm
        assert same(alone, model) == wins
        assert (of_mode.levels == found.levels) == wins
    frozen, train = found.batch_norms
    assert frozen.loss != train.loss and frozen.error == 0 < train.error
    best = min(found.batch_norms, key=lambda trial: trial.loss)
    assert found.batch_norm == best.batch_norm


@pytest.mark.parametrize("params", [{"levels": ["blocks.1"]}, {"trainable": "head"}])
def test_without_batch_normalisation_to_train_there_is_one_search(data, params):
    given = {"batch_norm": "validated", "tune_lr": 0.1, **params}
    found = mixed().set_params(**given).fit(*data).tuning_
    assert [trial.batch_norm for trial in found.batch_norms] == ["frozen"]
    assert found.batch_norms[0].error == 0


@pytest.mark.parametrize("frozen", [False, True])
def test_the_last_pass_is_that_with_the_numbers_chosen(tuned, data, net, frozen):
    X, y = data
    if frozen:  # and what was chosen as refits have it
        tuned = paper(FrozenEstimator(net), radius=0.5).fit(X, y)
        given = as_chosen(tuned).fit(X, y)
    else:
        given = clone(tuned).set_params(**chosen(tuned)).fit(X, y)
    assert tuned.tuning_.batch_norm == given.batch_norm
    assert given.tuning_ is None and same(tuned, given)
    for one, other in zip(tuned.levels_, given.levels_, strict=True):
        assert one.loss_after == other.loss_after or (one.skipped and other.skipped)


def test_errors_are_those_of_paired_differences(data):
    X, y = data
    weights = np.random.default_rng(0).uniform(0.5, 2, len(y))
    groups = np.arange(len(y)) // 4
    model, losses = judged(X, y, groups, weights)
    _, rows = sides(model, y, groups)
    share = weights[rows] / weights[rows].sum()
    for trial, found in zip(model.tuning_.levels[0].tried, losses, strict=True):
        assert trial.loss == pytest.approx(share @ found.losses, rel=1e-6)
        gaps = found.losses - losses[0].losses
        difference = share * (gaps - share @ gaps)
        of_groups = [difference[groups[rows] == g].sum() for g in np.unique(groups)]
        of_groups = np.array(of_groups)[np.isin(np.unique(groups), groups[rows])]
        n = len(of_groups)
        expected = np.sqrt(n / (n - 1) * (of_groups**2).sum())
        assert trial.error == pytest.approx(expected, abs=1e-12)


def test_the_error_of_rows_that_count_alike_is_that_of_a_paired_mean(data):
    model, losses = judged(*data)
    _, *trials = model.tuning_.levels[0].tried
    for trial, found in zip(trials, losses[1:], strict=True):
        gaps = found.losses - losses[0].losses
        assert trial.error == pytest.approx(sem(gaps), rel=1e-9)
        assert trial.loss - losses[0].loss == pytest.approx(gaps.mean(), abs=1e-6)


@pytest.mark.parametrize(
    "metric, scale, rule",
    [
        ("cosine", False, "hard"),
        ("cosine", True, "top"),
        ("euclidean", True, "hard"),
        ("euclidean", False, "random"),
        ("manhattan", False, "region"),
    ],
)
def test_one_pass_finds_the_sources_of_each_radius(data, metric, scale, rule):
    X, y = data
    gamma = "scale" if scale else 0.05 if metric == "cosine" else 2.0
    groups = np.arange(len(y)) // 2
    radii = tuning._grid(HardPoints(metric=metric), X, y, groups)[::3]
    points = HardPoints(rule, gamma=gamma, metric=metric)
    fitted = points.fit_each(X, y, groups, radii=radii, random_state=3)
    for radius, found in zip(radii, fitted, strict=True):
        one = clone(points).set_params(radius=radius).fit(X, y, groups, random_state=3)
        np.testing.assert_array_equal(found.indices_, one.indices_)
        np.testing.assert_allclose(found.potentials_, one.potentials_, atol=1e-12)
        assert (found.radius_, found.gamma_) == (one.radius_, one.gamma_)
        assert found.hard_share_ == one.hard_share_


def test_radii_to_look_at(data):
    X, y = data
    cosine = tuning._grid(HardPoints(), X, y, None)
    np.testing.assert_allclose(cosine, 0.05 * np.arange(1, 21))
    euclidean = HardPoints(metric="euclidean")
    radii, scaled = (tuning._grid(euclidean, scale * X, y, None) for scale in (1, 8))
    np.testing.assert_allclose(scaled, 8 * radii)
    np.testing.assert_allclose(radii[1:] / radii[:-1], np.sqrt(2))
    assert radii[-1] / radii[0] == pytest.approx(64)


def points_of(*numbers):
    """Points with sources of these numbers, or with so many sources."""
    found = [HardPoints() for _ in numbers]
    for points, sources in zip(found, numbers):
        points.indices_ = np.arange(sources) if isinstance(sources, int) else sources
    return found


def test_the_short_list_is_spread_over_the_change_of_the_sources():
    def numbers(given, most):
        return [len(points.indices_) for points in short_list(points_of(*given), most)]

    assert numbers([0, 3, 3, 7, 0], 5) == [3, 7]
    assert numbers([1, 2, 3, 4, 26, 50, 76, 100], 5) == [1, 26, 50, 76, 100]
    assert numbers([1, 2, 3, 100], 3) == [1, 3, 100]
    assert numbers([], 5) == numbers([0], 5) == []
    first, second = points_of(4, 4)
    assert short_list([first, second], 5) == [first]  # the smaller radius
    # Equally many sources, and yet others: the middle of the way is kept.
    ways = points_of(*(np.arange(start, start + 4) for start in range(5)))
    assert short_list(ways, 3) == [ways[0], ways[2], ways[4]]


def test_levels_that_are_skipped_together():
    draws = np.linspace(0.05, 0.95, 7)
    for p in (0.0, 0.35, 1.0):
        expected = [u < level_skip_probability(i, p) for i, u in enumerate(draws, 1)]
        assert skipped_levels(draws, p).tolist() == expected
    # A level that is skipped at some p is skipped at every higher one.
    skipped = np.array([skipped_levels(draws, p) for p in np.linspace(0, 1, 9)])
    assert (skipped[:-1] <= skipped[1:]).all()


# What is held out


def test_rows_that_are_held_out_only_judge(data):
    X, y = data
    groups, states = np.arange(len(y)) // 4, []
    given = {"skip_probability": 0.0, "radius": 0.5, "batch_norm": "train"}
    model = paper(levels=["blocks.0"], **given)
    _, held_out = sides(model, y, groups)
    others = y.copy()
    others[held_out] = (y[held_out] + 1) % 3

    class Watched(tuning.Tuner):
        def _judge(self):
            state = self.cut.net.module_.state_dict()
            states.append({key: value.clone() for key, value in state.items()})
            return super()._judge()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skaug.ihda.finetuner.Tuner", Watched)
        model.fit(X, y, groups)
        other = clone(model).fit(X, others, groups)
    of_one, of_other = states[: len(states) // 2], states[len(states) // 2 :]
    assert len(of_one) == len(model.tuning_.levels[0].tried) == 4
    for one, two in zip(of_one, of_other, strict=True):
        assert all(one[key].equal(two[key]) for key in one)
    one, two = (m.tuning_.levels[0].tried for m in (model, other))
    assert all(a.loss != b.loss for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("frozen", [False, True])
def test_the_net_that_is_judged_has_not_seen_the_groups_held_out(
    data, net, monkeypatch, frozen
):
    X, y = data
    groups = np.arange(len(y)) // 6
    seen, fit = [], NetClassifier.fit

    def watched(self, X, y, groups=None):
        seen.append(set(groups))
        return fit(self, X, y, groups=groups)

    monkeypatch.setattr(NetClassifier, "fit", watched)
    params = {"tune_lr": "validated", "levels": ["blocks.1"]}
    model = mixed(FrozenEstimator(net) if frozen else NET, **params)
    model.fit(X, y, groups)
    train, held_out = sides(model, y, groups)
    assert set(groups[train]).isdisjoint(groups[held_out])
    assert seen == [set(groups[train])] + [set(groups)] * (not frozen)
    assert len(set(groups[held_out])) == 3  # a tenth of 25


# Behaviour


def test_draws_stay_as_they_are_and_trials_are_reproducible(data):
    one_level = {"levels": ["blocks.1"], "radius": 0.5, "skip_probability": 0.0}
    state, plain = np.random.RandomState(0), np.random.RandomState(0)
    first = paper(**one_level).fit(*data)
    second = paper(**one_level, random_state=state).fit(*data)
    assert same(first, second)
    assert pickle.dumps(first.tuning_.levels) == pickle.dumps(second.tuning_.levels)
    mixed(levels=["blocks.1"], random_state=plain).fit(*data)
    assert state.randint(2**31) == plain.randint(2**31)


def test_only_what_is_asked_for_is_chosen(data):
    rate = mixed(tune_lr="validated", levels=["blocks.1"]).fit(*data)
    assert rate.tuning_.batch_norm == "frozen" and rate.tuning_.batch_norms == []
    assert all(len(told.tried) == 4 for told in rate.tuning_.levels)
    assert rate.tuning_.skips == [] and rate.tuning_.skip_probability == 0
    of_one = HardPoints("hard", radius={"blocks.0": "validated", "blocks.1": 0.3})
    model = mixed(sources=of_one, tune_lr=[0.1, "validated"]).fit(*data)
    first, second = model.tuning_.levels
    assert {trial.tune_lr for trial in first.tried[1:]} == {0.1}
    assert len({trial.n_sources for trial in first.tried}) > 2
    assert {trial.radius for trial in second.tried[1:]} == {0.3}
    p = mixed(skip_probability="validated", levels=["blocks.1"]).fit(*data)
    assert [len(told.tried) for told in p.tuning_.levels] == [2]
    assert [trial.skip_probability for trial in p.tuning_.skips] == [0, 0.35, 0.55, 1]


def test_a_level_that_is_skipped_by_chance_is_not_tried(data):
    model = paper(skip_probability=1.0, radius=0.5, batch_norm="train").fit(*data)
    assert model.levels_[0].skipped and model.tuning_.levels[0].tried == []
    assert np.isnan(model.levels_[0].radius)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing was tried that could have helped
        model = paper(skip_probability=1.0, levels=["blocks.0"]).fit(*data)
    assert model.tuning_.levels[0].tried == []


def test_radius_0_leaves_a_level_alone(data):
    X, y = data
    model = mixed(sources=HardPoints("all", radius=[0, "auto"])).fit(X, y)
    first, second = model.levels_
    assert first.skipped and first.radius == 0 and first.steps == 0
    assert not second.skipped and second.tune_lr == 0.4


def test_without_samples_the_radius_does_not_matter(data):
    given = {"batch_norm": "train", "skip_probability": 0.0}
    twin = paper(synthetic_share=0.0, **given).fit(*data)
    for told in twin.tuning_.levels:
        assert [trial.tune_lr for trial in told.tried] == [0, *tuning.RATES]
        assert all(trial.n_sources == 0 for trial in told.tried)
    assert not twin.generators_


def test_no_advice_against_what_validation_chose(tuned, data):
    def warned(**params):
        """Texts that are about the radius, and about the share of samples."""
        model = mixed(levels=["blocks.0"], synthetic_share=1.0, **params)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(*data)
        assert model.levels_[0].radius > 0
        found = messages(caught)
        told = "have positive potential", "batches are synthetic only"
        return tuple(sum(text in one for one in found) for text in told)

    # The other texts are about the autoencoder, which is trained for a few steps.
    assert all("collapsed" in text for text in tuned.warned)
    far = {"sources": HardPoints("hard", radius=1.5)}
    # Of all trials, only the last pass warns.
    assert warned(tune_lr="validated", **far) == (1, 0)
    assert warned(tune_lr=0.02, sources=HARD) == (0, 1)


def test_it_warns_if_nothing_helped(data, net):
    X, y = data
    with pytest.warns(UserWarning, match="leaves all levels alone, because nothing"):
        model = paper(radius=1e-9).fit(X, y)
    assert all(r.skipped and r.radius == 0 for r in model.levels_)
    np.testing.assert_array_equal(model.predict_proba(X), net.predict_proba(X))
    frozen, train = model.tuning_.batch_norms
    assert frozen.loss == train.loss and train.error == 0
    assert model.tuning_.batch_norm == "frozen"  # a tie


def test_after_an_interrupt_in_the_second_search_the_better_one_counts(
    data, monkeypatch
):
    X, y = data
    finetune, modes = level.finetune, []

    def stop(*args, frozen_norms, **kwargs):
        modes.append(frozen_norms)
        if modes[-2:] == [False, False]:
            raise KeyboardInterrupt
        return finetune(*args, frozen_norms=frozen_norms, **kwargs)

    monkeypatch.setattr(level, "finetune", stop)
    model = paper(radius=0.5).fit(X, y)
    found, (_, rows) = model.tuning_, sides(model, y)
    assert model.levels_[0].interrupted and model.levels_[0].level == "blocks.0"
    assert found.batch_norms == [] and found.batch_norm == "frozen"
    least = min(trial.loss for trial in found.levels[-1].tried)
    loss = log_loss(y[rows], model.predict_proba(X[rows]))
    assert len(found.levels) == 2 and loss == pytest.approx(least, rel=1e-5)


@pytest.mark.parametrize("frozen", [False, True])
def test_after_an_interrupt_the_net_is_in_its_best_state(
    data, net, monkeypatch, frozen
):
    X, y = data
    finetune, calls = level.finetune, []

    def stop(*args, **kwargs):
        calls.append(0)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return finetune(*args, **kwargs)

    monkeypatch.setattr(level, "finetune", stop)
    model = paper(FrozenEstimator(net) if frozen else NET, radius=0.5)
    assert len(list(model.staged_fit(X, y))) == 1
    (record,) = model.levels_
    assert record.interrupted and record.level == "blocks.0"
    assert len(model.tuning_.levels[0].tried) == 3 and len(calls) == 3
    if frozen:
        assert not changed(net, model.estimator_)
    else:
        _, rows = sides(model, y)
        least = min(trial.loss for trial in model.tuning_.levels[0].tried)
        found = log_loss(y[rows], model.predict_proba(X[rows]))
        assert found == pytest.approx(least, rel=1e-5)
    pickle.loads(pickle.dumps(model)).predict(X)


def test_lines_searches_and_a_plain_net_of_skorch(data, capsys):
    X, y = data[0].astype(np.float32), data[1]
    parts = nn.Linear(8, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)
    module = nn.Sequential(*parts)
    params = {"criterion": nn.CrossEntropyLoss, "max_epochs": 2, "verbose": 0}
    net = NeuralNetClassifier(lambda: copy.deepcopy(module), **params)
    model = paper(net, verbose=2, radius=0.5, levels=["0"])
    search = GridSearchCV(model, {"tune_lr": [0.1]}, cv=2)
    search.fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("IHDA, tuning at level 0: radius") for line in lines) > 1
    for mode in "frozen", "train":
        assert f"IHDA, tuning with batch_norm {mode}:" in lines
    assert any(line.startswith("IHDA, tuning: batch_norm") for line in lines)
    assert any(line.startswith("IHDA, tuning: skip_probability") for line in lines)
    assert search.best_estimator_.tuning_.n_held_out == 45
    # skorch trains the object itself, so that a clone would know the rows held out.
    seen = NeuralNetClassifier(module, **params).fit(X, y)
    with refuses("needs a net that can be trained anew .* NeuralNetClassifier whose"):
        paper(FrozenEstimator(seen)).fit(X, y)


class Twice(nn.Module):
    """A loss that has no value for each row."""

    def forward(self, logits, target):
        return 2 * nn.functional.cross_entropy(logits, target)


def test_losses_of_rows_of_any_criterion(data):
    X, y = data
    for criterion, factor in [
        (nn.CrossEntropyLoss, 1),
        (Twice, 2),
    ]:
        net = clone(NET).set_params(criterion=criterion).fit(X, y)
        rows = mixed()._cut_net(net, X, y, None, None).rows(None)
        proba = net.predict_proba(X)[np.arange(len(y)), y]
        np.testing.assert_allclose(rows.losses(), -factor * np.log(proba), rtol=1e-3)
        assert rows.losses().mean() == pytest.approx(rows.loss(), rel=1e-6)


# A predictor of several layers


def changed(before, after):
    """Names of the weights and statistics that differ between two nets."""
    before, after = (net.module_.state_dict() for net in (before, after))
    return {key for key in before if not before[key].equal(after[key])}


def test_only_the_modules_named_are_trained(data):
    X, y = (part[:60] for part in data)
    net = clone(NET).set_params(module__hidden=(12, 8, 6), max_epochs=1).fit(X, y)
    for trainable, levels, parts in [
        (["blocks.2", "head"], ["blocks.0", "blocks.1"], ("blocks.2", "head")),
        (["blocks"], ["blocks.1"], ("blocks.2",)),
        (["head"], ["blocks.2"], ("head",)),
        ([""], ["blocks.2"], ("head",)),
    ]:
        params = {"levels": levels, "trainable": trainable, "batch_norm": "train"}
        model = mixed(FrozenEstimator(net), **params).fit(X, y)
        expected = {key for key in net.module_.state_dict() if key.startswith(parts)}
        assert changed(net, model.estimator_) == expected
    by_name = mixed(FrozenEstimator(net), trainable=["head"]).fit(X, y)
    assert same(by_name, mixed(FrozenEstimator(net), trainable="head").fit(X, y))
    named = {"trainable": ["blocks.2", "head"], "levels": ["blocks.1"]}
    above = mixed(FrozenEstimator(net), levels=["blocks.1"]).fit(X, y)
    assert same(above, mixed(FrozenEstimator(net), **named).fit(X, y))


# Errors


@pytest.mark.parametrize(
    "params, text",
    [
        ({"sources": "all", "sources__radius": "validated"}, "rule that looks at the"),
        ({"sources": HardPoints(radius=0)}, "needs 0 < radius <= 2"),
        ({"tune_lr": "tuned"}, "'validated' or a list or dict of these.*; got 'tuned'"),
        ({"tune_lr": [0.1, -1]}, "tune_lr to be .* >= 0 or 'validated'; got -1"),
        ({"tune_lr": [0.1]}, r"needs a tune_lr for every level .*; got \[0.1\]"),
        ({"batch_norm": "chosen"}, "batch_norm to be .* or 'validated'; got 'chosen'"),
        ({"trainable": "blocks"}, "a list of names of modules; got 'blocks'. Put"),
        ({"trainable": []}, r"needs trainable to be .*; got \[\]"),
        ({"trainable": ["tail"]}, "to name modules of the network; got 'tail'. Name"),
        (
            {"trainable": ["blocks.0", "head"]},
            "weights above every level; got 'blocks.0', which has none above 'blocks.0",
        ),
    ],
)
def test_wrong_parameters(data, net, params, text):
    with refuses(text):
        mixed(FrozenEstimator(net)).set_params(**params).fit(*data)


def test_nobody_else_takes_a_radius_that_is_validated(data):
    X, y = data
    refused = "needs a radius that is known outside a network; got 'validated'"
    with refuses(refused):
        HARD.fit(X, y)
    for output in ("samples", "potentials"):
        with refuses(refused):
            HardRegionSampler(output=output, sources=HARD).fit(X, y)


def test_few_rows_of_many_classes_and_a_single_group():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(24, 4)), np.arange(24) % 6
    model = mixed(tune_lr="validated", generator="noise").fit(X, y)
    assert model.tuning_.n_held_out == 3
    with refuses("needs two groups or more to hold one out; got one"):
        mixed(tune_lr="validated").fit(X, y, np.zeros(24))
