"""The plane through two networks."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from helpers import refuses
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skaug import NetClassifier, TableMixup
from skaug.refined import LossLandscapeDisplay, landscape_display

landscape = LossLandscapeDisplay.from_estimators


@pytest.fixture
def nets(table):
    params = {"max_epochs": 3, "module__hidden": (8,)}
    return [NetClassifier(random_state=seed, **params).fit(*table) for seed in (0, 1)]


def test_both_networks_are_on_the_plane(nets, table):
    X, y = table
    before = [p.clone() for p in nets[0].module_.parameters()]
    display = landscape(*nets, X, y, n_points=4, random_state=0)
    np.testing.assert_allclose(display.x, [-1, 0, 1, 2])
    # Places along the second axis are -1.5, -0.5, 0.5 and 1.5: the line is between.
    assert display.clean.shape == (4, 4) and display.augmented is None
    assert all(map(torch.equal, before, nets[0].module_.parameters()))
    display = landscape(*nets, X, y, n_points=7, random_state=0)
    for net, place in zip(nets, (2, 4)):
        loss = log_loss(y, net.predict_proba(X), labels=[0, 1, 2])
        assert display.x[place] == pytest.approx(nets.index(net))
        assert display.clean[3, place] == pytest.approx(loss, abs=1e-5)
    plt.close("all")


def test_the_second_axis_is_orthogonal_and_as_long_with_filters_of_their_sizes(nets):
    generator = torch.Generator().manual_seed(0)
    plane = landscape_display._Plane(nets[0].module_, nets[1].module_, generator)
    first = torch.cat([plane.first[name].flatten() for name in plane.second])
    second = torch.cat([d.flatten() for d in plane.second.values()])
    assert abs(float(first @ second)) < 1e-4 * float(first @ first)
    assert float(second.norm()) == pytest.approx(float(first.norm()), rel=1e-5)
    weight = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    drawn = landscape_display._like_filters(torch.randn(2, 2), weight)
    torch.testing.assert_close(drawn.norm(dim=1), torch.tensor([5.0, 2.0]))


def test_draws_are_the_same_at_all_places(nets, table):
    display = landscape(
        *nets, *table, transform=TableMixup(), n_points=2, random_state=0
    )
    again = landscape(*nets, *table, transform=TableMixup(), n_points=2, random_state=0)
    np.testing.assert_array_equal(display.augmented, again.augmented)
    still = landscape(*nets, *table, transform=TableMixup(0), n_points=2)
    np.testing.assert_allclose(still.augmented, still.clean, atol=1e-6)
    assert len(display.axes_) == 2
    plt.close("all")


def test_what_no_plane_goes_through(nets, table):
    with refuses("a net of skorch; got a LogisticRegression", TypeError):
        landscape(nets[0], LogisticRegression(), *table)
    with refuses("got the same weights twice"):
        landscape(nets[0], nets[0], *table)
    wider = NetClassifier(max_epochs=1, module__hidden=(9,)).fit(*table)
    with refuses("got weights of other names or shapes"):
        landscape(nets[0], wider, *table)
