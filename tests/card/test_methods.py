"""A method from outside of skaug tells the card about itself, by one line."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from skaug import ISDAClassifier, plain_twin
from skaug._table import table
from skaug.card.methods import METHODS, card_of


class NoisyRegression(LogisticRegression):
    """A toy: logistic regression on rows and copies of them with noise."""

    def __init__(self, noise=0.5, random_state=0):
        super().__init__(random_state=random_state)
        self.noise = noise

    def fit(self, X, y):
        X = np.asarray(X)
        self.random_ = np.random.default_rng(self.random_state)
        noisy = X + self.noise * self.random_.normal(size=X.shape)
        self.n_copies_ = len(X) * (self.noise > 0)
        return super().fit(np.r_[X, noisy], np.r_[y, y])


class NoisierRegression(NoisyRegression):
    """A subclass without a line of its own."""


class NoisyCallback(Callback):
    """A callback that is left out of the twin."""


def figures(part, X, y):
    def draw(figure):
        rows, _ = part.some_rows(X, y, 5)
        figure.subplots().plot(rows)

    return {"Noise of the toy": draw}


TOY = SimpleNamespace(
    plain=lambda toy: (clone(toy).set_params(noise=0), f"noise=0, not {toy.noise}"),
    tables=lambda part: [table("Toy", [{"copies": part.object.n_copies_}])],
    figures=figures,
)
CALLBACK = SimpleNamespace(
    plain=lambda callback: (None, "without noise"),
    tables=lambda part: [table("Callback", [{"epochs": len(part.net.history)}])],
    figures=lambda part, X, y: {},
)


@pytest.fixture
def register(monkeypatch):
    """Lines of the list that are gone after the test."""
    return lambda kind, card: monkeypatch.setitem(METHODS, kind, card)


@pytest.mark.parametrize("kind", [NoisyRegression, NoisierRegression])
def test_a_method_from_outside_is_on_the_card(kind, register, train, card, check_page):
    register(NoisyRegression, TOY)
    model = make_pipeline(StandardScaler(), kind()).fit(*train)
    made = card(model, trained=True)
    check_page(made.html)
    assert made.twin[-1].noise == 0 and model[-1].noise == 0.5
    assert "noise=0, not 0.5" in " ".join(made.notes)
    assert made.augmentation == [table("Toy", [{"copies": 160}])]
    assert "Noise of the toy" in made.figures and "Noise of the toy" in made.html
    assert made.verdict.startswith("Against its plain twin")


def test_a_callback_from_outside_is_left_out(register, train, card, net, no_figures):
    register(NoisyCallback, CALLBACK)
    callbacks = [("noise", NoisyCallback()), ("other", Callback())]
    made = card(net(callbacks=callbacks).fit(*train), trained=True)
    assert [name for name, _ in made.twin.callbacks] == ["other"]
    assert made.augmentation == [table("Callback", [{"epochs": 3}])]


def test_what_is_not_listed_has_no_card(train):
    assert NoisyRegression not in METHODS and card_of(NoisyRegression()) is None
    with pytest.raises(ValueError, match="plain_twin needs"):
        plain_twin(NoisyRegression().fit(*train))


def test_the_line_of_the_nearest_class_counts(register):
    class Own(ISDAClassifier):
        pass

    assert card_of(Own()) is METHODS[ISDAClassifier]
    register(Own, TOY)
    assert card_of(Own()) is TOY
