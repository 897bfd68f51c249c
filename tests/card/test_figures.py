import re
import sys

import numpy as np
import torch
from imblearn.pipeline import Pipeline as ImbalancedPipeline
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from skorch import NeuralNetClassifier

from skaug import InfluenceAugmenter, report


def test_figures_of_images_have_numbered_ids(net):
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 1, 8, 8) / 16
    augmenter = InfluenceAugmenter(net(max_epochs=1), output="views", random_state=0)
    augmenter.set_params(guard=False, refit=False).fit(X[:300], y[:300])
    pipe = Pipeline([("views", augmenter), ("net", net().fit(X[:300], y[:300]))])
    card = report(pipe, X[300:400], y[300:400])
    assert "Test rows, a view of each, and the difference" in card.figures
    # Those of matplotlib differ from run to run where an image is clipped by a path.
    ids = re.findall(r' id="([^"]+)"|url\(#([^)]+)\)', card.html)
    assert all(re.fullmatch(r"f\d+-\d+", one or other) for one, other in ids)


def test_without_matplotlib_there_are_no_figures(train, card, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    made = card(LogisticRegression().fit(*train))
    assert made.figures == {} and "matplotlib is not installed" in made.html


def test_a_net_without_a_history_has_no_curve(data):
    _, (X, y, _) = data
    model = NeuralNetClassifier(
        torch.nn.Linear,
        module__in_features=6,
        module__out_features=3,
        criterion=torch.nn.CrossEntropyLoss,
        classes=[0, 1, 2],
    ).initialize()
    card = report(model, X.to_numpy(np.float32, copy=True), y.argsort() % 3)
    assert not any(caption.startswith("Training") for caption in card.figures)


def test_names_with_dollars_and_figures_of_the_same_kind(data, net, sampler):
    (X, y, _), (X_test, y_test, person_test) = data
    y, y_test = (np.char.add(labels, " $^$") for labels in (y, y_test))
    groups = np.char.add(person_test, " $_$")
    steps = [("a", sampler()), ("b", sampler(random_state=1)), ("c", net())]
    model = ImbalancedPipeline(steps).fit(X, y)
    figures = report(model, X_test, y_test, groups).figures
    assert "Potentials of the training rows" in figures
    assert "Potentials of the training rows #2" in figures


def test_labels_that_no_figure_has_room_for_are_cut(train, card):
    X, y = train
    long = np.char.add(y, " " + "a" * 9999)
    figures = report(LogisticRegression().fit(X, long), X, long).figures
    (matrix,) = (svg for caption, svg in figures.items() if "onfusion" in caption)
    width = float(re.search(r"width: (\d+)pt", matrix)[1])
    assert width < 1000 and "a" * 20 in matrix and "a" * 31 not in matrix
