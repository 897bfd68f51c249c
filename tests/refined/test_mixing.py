"""Mixup at the input and between layers."""

import copy
import pickle

import pytest
import torch
from helpers import refuses
from scipy import stats
from sklearn.base import clone
from torch import nn

from skaug import ManifoldMixup, TableMixup
from skaug.net import MLP
from skaug.refined import unmix
from skaug.transforms.torchvision import torchvision


def batch(n=16, n_features=5, n_classes=3):
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(n, n_features, generator=generator)
    return X, torch.randint(n_classes, (n,), generator=generator)


def drawn(mixup, *args, seed=0, **kwargs):
    torch.manual_seed(seed)
    return mixup(*args, **kwargs)


@pytest.fixture
def net():
    torch.manual_seed(3)
    return MLP(n_features=5, n_classes=3, hidden=(8, 6), dropout=0.0)


def parts(y, shares):
    """Share of the own label and codes of the partners, read off mixed labels."""
    own = shares[torch.arange(len(y)), y]
    share = float(own[own < 1 - 1e-6][0])
    rest = shares.clone()
    rest[torch.arange(len(y)), y] -= share
    return share, rest.argmax(dim=1)


def mixed_pairs(alpha):
    """Thousands of batches of a row that is 0 and one that is 1, mixed."""
    torch.manual_seed(0)
    X, y = torch.tensor([[0.0], [1.0]]), torch.tensor([0, 1])
    mixup = TableMixup(alpha)
    return torch.stack([mixup(X, y, n_classes=2)[0] for _ in range(4000)])


def hooks(net):
    return sum(len(layer._forward_hooks) for layer in net.modules())


def test_loss_is_the_mixture_of_the_losses_with_both_labels(net):
    X, y = batch()
    mixed, shares = drawn(TableMixup(), X, y, n_classes=3)
    share, partners = parts(y, shares)
    logits = net.eval()(mixed).double()
    cross_entropy = nn.functional.cross_entropy
    expected = share * cross_entropy(logits, y)
    expected += (1 - share) * cross_entropy(logits, partners)
    torch.testing.assert_close(
        cross_entropy(logits, shares.double()), expected, atol=1e-6, rtol=0
    )


def test_rows_and_labels_are_mixed_alike():
    # Rows that are their own one-hot labels.
    X, y = torch.eye(12), torch.arange(12)
    for seed in range(20):
        mixed, shares = drawn(TableMixup(), X, y, seed=seed, n_classes=12)
        assert torch.equal(mixed, shares)
        torch.testing.assert_close(shares.sum(dim=1), torch.ones(12))
        # Everyone is somebody's partner exactly once.
        torch.testing.assert_close(shares.sum(dim=0), torch.ones(12))


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_follow_a_beta_distribution(alpha):
    mixed = mixed_pairs(alpha)
    # The second row, where it was mixed with the first one: the share itself.
    shares = mixed[mixed[:, 0, 0] > 0, 1, 0]
    assert len(shares) > 1800
    assert stats.kstest(shares.numpy(), stats.beta(alpha, alpha).cdf).pvalue > 0.01


def test_small_alpha_hardly_mixes_and_alpha_0_is_the_identity(net):
    mixed = mixed_pairs(1e-3)
    inside = ((mixed > 0.01) & (mixed < 0.99)).float().mean()
    # Of a Beta distribution; half of the batches mix rows with themselves.
    law = stats.beta(1e-3, 1e-3)
    assert inside < 2 * (law.cdf(0.99) - law.cdf(0.01))
    X, y = batch()
    for mixup, kwargs in ((TableMixup(0), {}), (ManifoldMixup(0), {"module": net})):
        same_X, same_y = mixup(X, y, n_classes=3, **kwargs)
        assert same_X is X and same_y is y


def test_rows_of_any_shape_and_numbers_as_targets():
    for shape in [(9, 4), (9, 3, 20), (9, 1, 6, 6)]:
        X, y = torch.rand(shape), torch.arange(9) % 3
        mixed, shares = drawn(TableMixup(), X, y, n_classes=3)
        assert mixed.shape == shape and shares.shape == (9, 3)
    X = torch.linspace(0, 1, 8)[:, None]
    mixed, targets = drawn(TableMixup(), X, 3 * X)
    torch.testing.assert_close(targets, 3 * mixed)
    shares = nn.functional.one_hot(torch.arange(8)).float()
    assert drawn(TableMixup(), X, shares)[1].shape == (8, 8)


def test_manifold_mixup_at_the_input_is_mixup_bit_for_bit(net):
    X, y = batch()
    at_input = drawn(ManifoldMixup(layers=["input"]), X, y, module=net, n_classes=3)
    plain = drawn(TableMixup(), X, y, n_classes=3)
    assert all(torch.equal(a, b) for a, b in zip(at_input, plain))


def test_hidden_layers_are_mixed_as_the_rows_would_be(net):
    X, y = batch()
    mixup = ManifoldMixup(layers=["blocks.0"])
    other = copy.deepcopy(net).train()
    same_X, shares = drawn(mixup, X, y, module=net, n_classes=3)
    assert same_X is X
    logits = net.train()(X)
    # By hand: through the first block, mixed there, through the rest.
    hidden = other.blocks[0](other.input_norm(X))
    torch.manual_seed(0)
    mixed, by_hand = TableMixup()(hidden, y, n_classes=3)
    assert torch.equal(shares, by_hand)
    rest = other.head(other.blocks[1](mixed))
    torch.testing.assert_close(logits, rest)


def test_all_passes_of_a_step_are_mixed_alike_and_evaluation_never(net):
    X, y = batch()
    expected = net.eval()(X)
    drawn(ManifoldMixup(layers=["blocks.1"]), X, y, module=net, n_classes=3)
    assert torch.equal(net(X), expected)
    first = net.train()(X)
    assert not torch.equal(first, expected)
    net.eval()(X)  # someone looks in between
    assert torch.equal(net.train()(X), first)
    again = pickle.loads(pickle.dumps(net))  # interrupted here, it can be kept
    for other in (net, again):
        assert hooks(other) == 1
        unmix(other)
        assert hooks(other) == 0


def test_the_next_call_replaces_the_hook(net):
    X, y = batch()
    for name in ("blocks.0", "blocks.1", "blocks.0"):
        ManifoldMixup(layers=[name])(X, y, module=net, n_classes=3)
        assert hooks(net) == 1
    ManifoldMixup(layers=["input"])(X, y, module=net, n_classes=3)
    assert hooks(net) == 0


def test_default_layers_are_the_input_and_the_first_half_of_the_blocks(net):
    X, _ = batch()
    assert ManifoldMixup()._names(net, X) == ("input", "blocks.0")
    resnet = torchvision.models.resnet18(num_classes=10)
    names = ManifoldMixup()._names(resnet, torch.randn(4, 3, 32, 32))
    assert names == ("input", *(f"layer{i}.{j}" for i in (1, 2) for j in (0, 1)))


def test_every_layer_is_drawn(net):
    X, y = batch()
    layers = ["input", "blocks.0", "blocks.1"]
    torch.manual_seed(0)
    hidden = dict.fromkeys(layers, 0)
    for _ in range(300):
        mixed, _ = ManifoldMixup(layers=layers)(X, y, module=net, n_classes=3)
        hooked = [name for name in layers[1:] if net.get_submodule(name)._forward_hooks]
        hidden[hooked[0] if hooked else "input"] += 1
        assert (mixed is X) == bool(hooked)
        net(X)
    assert min(hidden.values()) > 70


def test_looking_for_layers_changes_nothing(net):
    X, _ = batch()
    net.train()
    net.blocks[1].eval()
    before = copy.deepcopy(net.state_dict())
    modes = [layer.training for layer in net.modules()]
    torch.manual_seed(5)
    state = torch.get_rng_state()
    ManifoldMixup()._names(net, X)
    assert [layer.training for layer in net.modules()] == modes
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_clone_pickle_and_repr():
    mixup = ManifoldMixup(0.4, layers=["input"])
    for other in (clone(mixup), pickle.loads(pickle.dumps(mixup))):
        assert other.get_params() == mixup.get_params()
    assert repr(TableMixup(0.2)) == "TableMixup(alpha=0.2)"


@pytest.mark.parametrize(
    "mixup, message",
    [
        (TableMixup(-1), "TableMixup needs alpha to be a finite number >= 0; got -1"),
        (TableMixup("a"), "TableMixup needs alpha to be a finite number >= 0; got 'a'"),
        (ManifoldMixup(layers="input"), "needs layers to be a list of names"),
        (ManifoldMixup(layers=[]), "needs layers to be a list of names"),
        (ManifoldMixup(layers=["block"]), "can be cut; got 'block'"),
    ],
)
def test_bad_parameters(mixup, message, net):
    kwargs = {"module": net} if isinstance(mixup, ManifoldMixup) else {}
    with refuses(message):
        mixup(*batch(), n_classes=3, **kwargs)
    with refuses("needs n_classes to mix class codes"):
        TableMixup()(*batch())
