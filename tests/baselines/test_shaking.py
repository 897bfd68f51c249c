"""Random weights of branches: other ones in the backward pass, their means at last."""

import torch
from torch import nn

from skaug.baselines.shaking import ShakeDrop, ShakeShakeBlock, _ShiftedShortcut


def factors_of(layer, n=4000):
    """What the rows are multiplied with, forward and backward, of shape (n,)."""
    torch.manual_seed(0)
    h = torch.ones(n, 2, 3, 3, requires_grad=True)
    out = layer(h)
    out.sum().backward()
    for one in (out, h.grad):  # one factor for all of a row
        assert (one == one[:, :1, :1, :1]).all()
    return out[:, 0, 0, 0].detach(), h.grad[:, 0, 0, 0]


def test_shake_drop_multiplies_rows_as_the_paper_has_it():
    forward, backward = factors_of(ShakeDrop(keep=0.6))
    kept = forward == 1
    assert kept.equal(backward == 1) and abs(kept.float().mean() - 0.6) < 0.03
    alpha, beta = forward[~kept], backward[~kept]
    assert -1 <= alpha.min() < -0.99 and 0.99 < alpha.max() <= 1
    assert 0 <= beta.min() < 0.01 and 0.99 < beta.max() <= 1
    assert abs(torch.corrcoef(torch.stack([alpha, beta]))[0, 1]) < 0.08


def test_shake_drop_predicts_with_the_mean_of_its_factors():
    forward, _ = factors_of(ShakeDrop(keep=0.6))
    predicted, _ = factors_of(ShakeDrop(keep=0.6).eval(), n=1)
    assert abs(forward.mean() - predicted.item()) < 0.03
    assert predicted.item() == torch.tensor(0.6)
    assert all((factors == 1).all() for factors in factors_of(ShakeDrop(keep=1), n=9))


class Constant(nn.Module):
    """A branch that multiplies by a number, kept apart in the gradient."""

    def __init__(self, value):
        super().__init__()
        self.weight = nn.Parameter(torch.full((50, 1, 1, 1), value))

    def forward(self, X):
        return self.weight * X


def test_shares_of_the_two_branches_sum_to_one_in_both_passes():
    torch.manual_seed(0)
    block = ShakeShakeBlock(2, 2, stride=1)
    block.branch1, block.branch2 = Constant(1.0), Constant(0.0)
    X = torch.ones(50, 2, 4, 4)
    out = block(X) - X  # without the shortcut
    out.sum().backward()
    share = out[:, 0, 0, 0].detach()
    assert (out == out[:, :1, :1, :1]).all() and share.min() >= 0 and share.max() <= 1
    beta1, beta2 = (
        b.weight.grad.flatten() / 32 for b in (block.branch1, block.branch2)
    )
    torch.testing.assert_close(beta1 + beta2, torch.ones(50))
    assert not torch.allclose(beta1, share, atol=0.1)
    assert beta1.std() > 0.2 and share.std() > 0.2  # a draw for each row
    assert (block.eval()(X) == 1.5).all()


def test_the_shortcut_takes_the_pixels_between_for_its_other_half():
    shortcut = _ShiftedShortcut(1, 2, stride=2).eval()
    for convolution in (shortcut.conv1, shortcut.conv2):
        nn.init.ones_(convolution.weight)
    X = torch.arange(1.0, 17).view(1, 1, 4, 4)
    expected = torch.tensor([[[1.0, 3], [9, 11]], [[0, 0], [0, 6]]])
    torch.testing.assert_close(shortcut(X)[0], expected, rtol=1e-4, atol=0)
