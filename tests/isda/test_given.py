"""Covariances that are given in place of an estimate."""

import numpy as np
import pytest
import torch
from helpers import refuses
from isda.class_statistics import A, C, assert_near, draw, estimate, one_shot
from sklearn.base import clone

from skaug import ClassCovariance, ISDAClassifier, ISDALoss, report
from skaug.isda import GivenCovariance
from skaug.isda.covariance import KINDS


def given(source):
    return GivenCovariance(source, C, A, dtype=torch.float64)


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_estimate_gives_has_its_form_and_does_not_change(kind):
    X, y = draw(80)
    known = estimate(kind, X, y)
    covariance, weight = given(known), torch.randn(C, A, dtype=torch.float64)
    assert_near(covariance.dense(), one_shot(kind, X, y))
    classes = torch.tensor([3, 0])
    expected = known.quadratic_form(weight, classes)
    assert_near(covariance.quadratic_form(weight, classes), expected)
    covariance.update(X + 1, y)
    assert_near(covariance.dense(), one_shot(kind, X, y))


def test_arrays_of_all_shapes_are_matrices_of_all_classes():
    roots = np.random.default_rng(0).normal(size=(C, A, A))
    matrices = roots @ roots.swapaxes(1, 2)
    variances = matrices.diagonal(axis1=1, axis2=2)
    assert_near(given(matrices).dense(), torch.tensor(matrices))
    assert_near(given(variances).dense(), torch.diag_embed(torch.tensor(variances)))
    of_all = torch.tensor(matrices[0]).expand(C, A, A)
    for one in matrices[0], matrices[:1], matrices[0].tolist(), of_all[0]:
        assert_near(given(one).dense(), of_all)


def test_a_pooled_covariance_may_come_from_other_classes():
    X, _ = draw(60)
    other = ClassCovariance(2, A, "pooled", dtype=torch.float64)
    other.update(X, torch.arange(60) % 2)
    assert_near(given(other).covariance, other.covariance)
    with refuses(r"a fitted ClassCovariance of 7 features; got shape \(2, 7, 7\)"):
        full = ClassCovariance(2, A, dtype=torch.float64)
        full.update(X, torch.arange(60) % 2)
        given(full)


def test_the_loss_is_that_of_an_estimate_that_has_seen_the_rows_before():
    X, y = draw(50)
    weight = torch.randn(C, A, dtype=torch.float64)
    loss = ISDALoss(C, A, estimate("full", X, y), dtype=torch.float64)
    again = ISDALoss(C, A, dtype=torch.float64)
    again.covariance.update(X, y)
    args = X @ weight.T, y, X, weight, 0.7
    assert_near(loss(*args), again(*args))  # The same rows twice change nothing.


def test_a_net_trains_with_a_given_covariance_that_its_copies_keep(table):
    X, y = table
    net = ISDAClassifier(max_epochs=3, random_state=0).fit(X, y)
    of_others = clone(net).set_params(covariance=net.class_covariance_).fit(X, y)
    assert torch.equal(
        of_others.class_covariance_.dense(), net.class_covariance_.dense()
    )
    array = clone(net).set_params(covariance=net.covariance_).fit(X, y)
    proba = array.predict_proba(X)
    np.testing.assert_array_equal(proba, of_others.predict_proba(X))
    np.testing.assert_array_equal(clone(array).fit(X, y).predict_proba(X), proba)
    card = report(array, X, y, X_train=X, y_train=y)
    assert "covariance &#39;given&#39;" in card.html
    with refuses("ISDALoss needs a symmetric, finite covariance .* got shape"):
        clone(net).set_params(covariance=np.eye(3)).fit(X, y)
