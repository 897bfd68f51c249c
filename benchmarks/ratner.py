r"""Ratner's augmentation by transforms, in its mean-field form.

Each of the transforms of a row is drawn by itself, with one set of frequencies p for
all rows and places. A discriminator D learns to tell transformed rows from others, and
p learns by REINFORCE to be taken for real: the reward of a row is

.. math:: \log D(\tilde x) + \lambda\, d(\tilde x, x),

less its mean over the batch. The distance d, the mean square of the change in standard
units, keeps p from the transforms that change nothing. The classifier has no part in
it. The paper leaves :math:`\lambda` to a search.

References
----------
.. [1] A. Ratner, H. Ehrenberg, Z. Hussain, J. Dunnmon, C. Ré, "Learning to Compose
   Domain-Specific Transformations for Data Augmentation", NeurIPS 2017.
"""

import torch
from torch.nn.functional import logsigmoid

from skaug.influence import Policy
from skaug.influence.network_layers import encoder

__all__ = ["mean_field_policy"]

BATCH = 64


class _Recorded(Policy):
    """A policy that remembers what it has drawn."""

    def _chosen(self, n):
        self.chosen = super()._chosen(n)
        return self.chosen


def mean_field_policy(
    transforms, X, *, steps=300, n_transforms=2, distance=0.1, seed=0
):
    """Learn how often each transform is drawn.

    Parameters
    ----------
    transforms : list of callable
        The transforms.
    X : torch.Tensor of shape (n, ...)
        Rows, no labels.
    steps : int, default=300
        Steps of discriminator and frequencies.
    n_transforms : int, default=2
        Transforms of a row.
    distance : float, default=0.1
        Weight of the distance in the reward.
    seed : int, default=0
        Seed of weights and draws.

    Returns
    -------
    policy : Policy
        Draws by the frequencies that were learned.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        scores = torch.zeros(len(transforms), requires_grad=True)
        judge = encoder(X.shape[1:], 1, depth=3, width=16)
        of_scores = torch.optim.Adam([scores], lr=0.05)
        of_judge = torch.optim.Adam(judge.parameters(), lr=1e-3)
        mean, scale = X.mean(), X.std()
        policy = _Recorded(transforms, torch.ones(len(transforms)), n_transforms, 1.0)
        for _ in range(steps):
            rows = X[torch.randint(len(X), (min(BATCH, len(X)),))]
            policy.weights = scores.detach().softmax(0)
            with torch.no_grad():
                new, _ = policy(rows, torch.zeros(len(rows), dtype=torch.long))
            real, fake = (judge((one - mean) / scale)[:, 0] for one in (rows, new))
            loss = -(logsigmoid(real) + logsigmoid(-fake)).mean()
            of_judge.zero_grad()
            loss.backward()
            of_judge.step()
            change = ((new - rows) / scale).flatten(1).square().mean(1)
            reward = logsigmoid(fake.detach()) + distance * change
            reward = reward - reward.mean()
            likelihood = scores.log_softmax(0)[torch.from_numpy(policy.chosen)].sum(0)
            of_scores.zero_grad()
            (-(reward * likelihood).mean()).backward()
            of_scores.step()
    return Policy(transforms, scores.detach().softmax(0), n_transforms, 1.0)
