"""The papers' trainings: the rate that the optimizer has in each epoch."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from skaug import Cutout, NetClassifier, TableMixup
from skaug.baselines import recipe
from skaug.baselines.recipes import PAPERS

pytestmark = pytest.mark.filterwarnings("ignore:NetClassifier needs about:UserWarning")


def cosine(lr, last):
    """Rates of epochs from 1 to the last."""
    return [lr * (1 + math.cos(math.pi * e / last)) / 2 for e in range(last)]


def steps(*runs):
    """Rates of epochs, given as pairs of the last epoch with a rate, and the rate."""
    rates = []
    for last, rate in runs:
        rates += [rate] * (last - len(rates))
    return rates


# As the papers have them: epochs, batch size, weight decay, rates of all epochs.
TABLES = {
    ("isda", "resnet"): (160, 128, 1e-4, steps((79, 0.1), (119, 0.01), (160, 0.001))),
    ("isda", "se_resnet"): (
        *(200, 128, 1e-4),
        steps((79, 0.1), (119, 0.01), (159, 1e-3), (200, 1e-4)),
    ),
    ("isda", "wide_resnet"): (
        *(240, 128, 5e-4),
        steps((59, 0.1), (119, 0.02), (159, 4e-3), (199, 8e-4), (240, 1.6e-4)),
    ),
    ("isda", "densenet"): (
        *(300, 64, 1e-4),
        steps((149, 0.1), (199, 0.01), (249, 1e-3), (300, 1e-4)),
    ),
    ("isda", "resnext"): (
        *(350, 128, 5e-4),
        steps((149, 0.05), (224, 5e-3), (299, 5e-4), (350, 5e-5)),
    ),
    ("isda", "shake_shake"): (1800, 64, 1e-4, cosine(0.1, 1800)),
    ("influence", "wide_resnet"): (200, 128, 5e-4, cosine(0.1, 200)),
    ("influence", "shake_shake"): (1800, 128, 1e-3, cosine(0.01, 1800)),
    ("influence", "pyramid_net"): (1800, 64, 5e-5, cosine(0.05, 1800)),
    ("refined", "preact_resnet_18"): (
        *(400, 128, 1e-4),
        steps((150, 0.1), (275, 0.01), (400, 1e-3)),
    ),
    ("refined", "wide_resnet"): (
        *(400, 128, 5e-4),
        steps((120, 0.1), (240, 0.02), (320, 4e-3), (400, 8e-4)),
    ),
    ("refined", "wide_resnet_autoaugment"): (400, 128, 5e-4, cosine(0.1, 400)),
    ("refined", "shake_shake"): (1800, 128, 1e-3, cosine(0.01, 1800)),
}
TABLES |= {
    ("ihda", name): TABLES[paper, name]
    for paper, names in (
        ("isda", ("resnet", "se_resnet", "wide_resnet")),
        ("influence", ("shake_shake", "pyramid_net")),
    )
    for name in names
}


def test_all_recipes_are_in_the_table():
    assert set(TABLES) == {(paper, name) for paper in PAPERS for name in PAPERS[paper]}


@pytest.mark.parametrize("paper, network", TABLES)
def test_a_recipe_has_the_numbers_of_the_paper(paper, network):
    epochs, batch_size, weight_decay, rates = TABLES[paper, network]
    found = recipe(network, paper)
    assert found["max_epochs"] == epochs == len(rates)
    assert found["batch_size"] == batch_size
    assert found["optimizer__weight_decay"] == weight_decay
    schedule = dict(found["callbacks"])["schedule"]
    np.testing.assert_allclose(schedule.simulate(epochs, found["lr"]), rates, 1e-6)


class Linear(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.layer = nn.Linear(16, n_classes)

    def forward(self, X):
        return self.layer(X.flatten(1))


class NotedSGD(torch.optim.SGD):
    """SGD that notes the rate of each step."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.rates = []

    def step(self, closure=None):
        self.rates.append(self.param_groups[0]["lr"])
        return super().step(closure)


def trained(arguments):
    """A net of one layer and one step in each epoch, trained by a recipe."""
    own = {"module": Linear, "optimizer": NotedSGD, "random_state": 0}
    kept = {k: v for k, v in arguments.items() if not k.startswith("module__")}
    X = np.random.default_rng(0).normal(size=(4, 1, 4, 4)).astype(np.float32)
    crop = {"callbacks__crop_flip__transform__padding": 1}
    return NetClassifier(**{**kept, **own, **crop}).fit(X, [0, 1, 0, 1])


def test_the_optimizer_has_these_rates():
    net = trained(recipe("resnet"))
    np.testing.assert_allclose(net.optimizer_.rates, TABLES["isda", "resnet"][-1])
    group = net.optimizer_.param_groups[0]
    assert group["momentum"] == 0.9 and group["nesterov"]
    # A tenth of the epochs, with rates that change after a tenth of the time.
    net = trained(recipe("densenet", max_epochs=30))
    expected = steps((15, 0.1), (20, 0.01), (25, 1e-3), (30, 1e-4))
    np.testing.assert_allclose(net.optimizer_.rates, expected)
    net = trained(recipe("wide_resnet", "influence", max_epochs=20))
    np.testing.assert_allclose(net.optimizer_.rates, cosine(0.1, 20))


@pytest.mark.parametrize(
    "network, augmented",
    [
        ("preact_resnet_18", steps((15, 0.1), (28, 0.01), (40, 1e-3))),
        ("wide_resnet_autoaugment", cosine(0.1, 40)),
    ],
)
def test_refinement_follows_at_a_constant_rate(network, augmented):
    arguments = recipe(network, "refined", transform=TableMixup(), max_epochs=45)
    net = trained(arguments)
    refined = [max(augmented[-1] if "preact" in network else 0, 1e-4)] * 5
    np.testing.assert_allclose(net.optimizer_.rates, augmented + refined, 1e-6)
    assert net.history[:, "refining"] == [False] * 40 + [True] * 5


@pytest.mark.parametrize("network", PAPERS["refined"])
def test_epochs_of_refinement_are_those_of_the_paper(network):
    arguments = recipe(network, "refined", transform=TableMixup())
    phases = dict(arguments["callbacks"])["transform"].phases(arguments["max_epochs"])
    assert phases == ((1800, 200) if network == "shake_shake" else (400, 50))


def test_a_transform_is_added_to_crops_and_flips():
    arguments = recipe("wide_resnet", transform=Cutout(16))
    callbacks = dict(arguments["callbacks"])
    assert list(callbacks) == ["crop_flip", "transform", "schedule"]
    assert callbacks["transform"].phases(240) == (240, 0)
    assert arguments["max_epochs"] == 240 and arguments["module__dropout"] == 0.3
    net = NetClassifier(**arguments, callbacks__crop_flip=None)
    net.initialize_callbacks()
    assert "crop_flip" not in dict(net.callbacks_)
    clip = dict(recipe("pyramid_net", "influence")["callbacks"])["clip"]
    assert clip.gradient_clip_value == 5


def test_a_training_of_one_or_two_epochs_has_a_first_phase():
    for max_epochs, refined in ((1, 0), (2, 1)):
        found = recipe(
            "wide_resnet", "refined", transform=TableMixup(), max_epochs=max_epochs
        )
        assert found["max_epochs"] == max_epochs
        assert dict(found["callbacks"])["transform"].refine_epochs == refined


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"network": "vgg"}, "network to be 'resnet', .*; got 'vgg'"),
        ({"network": "resnet", "paper": "refined"}, "These are the networks of 'ref"),
        ({"network": "resnet", "paper": "gans"}, "paper to be 'isda'.*; got 'gans'"),
        ({"network": "resnet", "max_epochs": 0}, "max_epochs to be a whole number"),
    ],
)
def test_what_no_paper_has_is_refused(arguments, message):
    with pytest.raises(ValueError, match=f"recipe needs .*{message}|{message}"):
        recipe(**arguments)
