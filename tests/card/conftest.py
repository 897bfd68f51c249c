"""A small table of people, estimators of every kind, and checks of a page."""

from html.parser import HTMLParser
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline as ImbalancedPipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skaug import (
    BatchAugmentation,
    HardRegionSampler,
    IHDAFinetuner,
    InfluenceAugmenter,
    ISDAClassifier,
    NetClassifier,
    ResampledClassifier,
    TableMixup,
    report,
)

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Balance(HTMLParser):
    """Checks that tags are closed in order, and keeps links and texts."""

    def __init__(self):
        super().__init__()
        self.open, self.links, self.ids, self.texts = [], [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.handle_startendtag(tag, attrs)

    def handle_startendtag(self, tag, attrs):
        for name, value in attrs:
            assert not name.startswith("on"), (name, value)
            if name.split(":")[-1] in ("src", "href", "srcset", "data", "poster"):
                self.links.append(value)
            if name == "id":
                self.ids.append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.texts.append(text)


@pytest.fixture
def check_page():
    """A function that refuses a page which is not well formed or loads something."""

    def check(html):
        parser = Balance()
        parser.feed(html)
        assert parser.open == []
        inside = ("#", "data:")
        assert all(link.startswith(inside) for link in parser.links), parser.links
        assert "http://" not in html and "https://" not in html
        assert "@import" not in html and "<script" not in html
        assert len(parser.ids) == len(set(parser.ids))
        names = [link[1:] for link in parser.links if link.startswith("#")]
        assert set(names) <= set(parser.ids)
        return parser

    return check


@pytest.fixture(scope="session")
def data():
    """A frame with names of classes, eight people in training and six others."""
    X, y = make_classification(
        280, 6, n_informative=5, n_redundant=0, n_classes=3, flip_y=0.1, random_state=0
    )
    X = pd.DataFrame(X, columns=[f"sensor <{j}>" for j in range(6)])
    y = np.array(["run & jump", "sit", "<b>walk</b>"])[y]
    person = np.array([f"p{i}" for i in np.arange(280) // 20])
    train = np.arange(280) < 160
    return (X[train], y[train], person[train]), (X[~train], y[~train], person[~train])


@pytest.fixture(scope="session")
def train(data):
    """Training rows and labels."""
    return data[0][:2]


@pytest.fixture
def card(data):
    """A function that makes a card; ``trained=True`` has the twin trained for it."""
    (X, y, _), (X_test, y_test, _) = data

    def make(model, groups=None, *, trained=False, **given):
        if trained:
            given |= {"X_train": X, "y_train": y}
        return report(model, X_test, y_test, groups, **given)

    return make


@pytest.fixture
def no_figures(monkeypatch):
    """Leave out the figures, which take most of the time of a card."""
    monkeypatch.setattr(
        import_module("skaug.card.report"), "card_figures", lambda *data: {}
    )


@pytest.fixture(scope="session")
def net():
    """A function that makes a net of three epochs."""
    return lambda **params: NetClassifier(
        **{"max_epochs": 3, "random_state": 0} | params
    )


@pytest.fixture(scope="session")
def sampler():
    """A function that makes a HardRegionSampler."""
    hard = {"sources": "hard", "generator": "noise", "sampling_strategy": "hard"}
    return lambda **params: HardRegionSampler(**hard | {"random_state": 0} | params)


@pytest.fixture
def estimators(net, sampler):
    """Estimators of every kind by name, not fitted."""
    isda = ISDAClassifier(max_epochs=2, random_state=0)
    scaled_isda = make_pipeline(StandardScaler(), isda)
    augment = BatchAugmentation(TableMixup(0.5), refine_epochs=1)
    augmenter = InfluenceAugmenter(net(), output="views", random_state=0)
    views = InfluenceAugmenter(net(), guard=False, random_state=0)
    smote, under = SMOTE(random_state=0), RandomUnderSampler(random_state=0)
    forest = RandomForestClassifier(5, random_state=0)
    trees = ExtraTreesClassifier(5, random_state=0)
    over, logistic = RandomOverSampler(random_state=0), LogisticRegression()
    more_rows = ResampledClassifier(smote, net())
    strengths = {"isdaclassifier__strength": [0.5, 1]}
    return {
        "isda": scaled_isda,
        "ihda": IHDAFinetuner(net(), random_state=0),
        "batches": net(callbacks=[("a", augment)]),
        "resampled": ResampledClassifier(sampler(), net()),
        "influence": make_pipeline(StandardScaler(), augmenter, logistic),
        "influence's rows": ResampledClassifier(views, net()),
        "imblearn": ImbalancedPipeline([("sample", sampler()), ("net", net())]),
        "over": ResampledClassifier(over, logistic),
        "calibrated": CalibratedClassifierCV(isda, cv=2),
        "forest": ImbalancedPipeline([("a", smote), ("b", forest)]),
        "trees": ResampledClassifier(under, trees),
        "bagged": BaggingClassifier(isda, n_estimators=2, random_state=0),
        "calibrated resampled": CalibratedClassifierCV(more_rows, cv=2),
        "frozen": FrozenEstimator(isda),
        "search": GridSearchCV(scaled_isda, strengths, cv=GroupKFold(2)),
    }
