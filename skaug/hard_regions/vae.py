"""The variational autoencoder of feature vectors that makes new ones."""

import copy
import math
from contextlib import contextmanager

import torch
from torch import nn

from skaug._checks import Number, Whole, check_value
from skaug._progress import Progress, prints_lines
from skaug._random import new_generator, own_generators
from skaug.hard_regions.parts import (
    Chosen,
    InParts,
    at_once_if_few,
    moments,
    parts,
)

__all__ = ["VAE", "fit_vae"]

RULES = {
    "latent_dim": Whole(1),
    "hidden": Whole(1),
    "kl_weight": Number(0),
    "batch_size": Whole(1),
    "lr": Number(0, open_low=True),
}


class VAE(nn.Module):
    """Variational autoencoder of vectors, for drawing variations of them.

    Inputs and outputs are in the units of the data. The network standardises them by
    the centre and the scale that :meth:`standardise_by` sets, and takes them as they
    are before that.

    Parameters
    ----------
    n_features : int
        Width of a vector.
    latent_dim : int, default=32
        Dimension of the latent space.
    hidden : int, default=256
        Width of the one hidden layer on either side.
    n_classes : int, default=0
        If not 0, the autoencoder is conditional: encoder and decoder also get the class
        of each row. All methods then need the classes as `codes`, whole numbers below
        `n_classes`.

    Examples
    --------
    >>> import torch
    >>> from skaug.hard_regions import VAE
    >>> vae, X = VAE(n_features=20, latent_dim=4), torch.zeros(5, 20)
    >>> mean, deviation = vae.encode(X)
    >>> mean.shape, vae.decode(mean).shape
    (torch.Size([5, 4]), torch.Size([5, 20]))
    """

    def __init__(self, n_features, latent_dim=32, hidden=256, n_classes=0):
        super().__init__()
        self.n_classes = n_classes
        self.interrupted, self.n_steps = False, 0
        self.encoder = nn.Sequential(
            nn.Linear(n_features + n_classes, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 2 * latent_dim),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim + n_classes, hidden),
            nn.ReLU(),
            nn.Linear(hidden, n_features),
        )
        self.register_buffer("centre", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))

    def standardise_by(self, X):
        """Set centre and scale of the features to those of the rows of X."""
        mean, deviation, constant = moments(X)
        self.centre.copy_(torch.where(constant, X[:1][0], mean))
        # A constant feature is decoded to its constant.
        self.scale.copy_(torch.where(constant, 0.0, deviation))

    def standardised(self, X):
        """Return the rows of X in standard units."""
        return (X - self.centre) / self._unit()

    def encode(self, X, codes=None):
        """Return mean and standard deviation of the latent distribution of each row."""
        mean, log_variance = self._encode(self.standardised(X), codes)
        return mean, (log_variance / 2).exp()

    def decode(self, z, codes=None):
        """Return the vectors of latent vectors."""
        return self._decode(z, codes) * self.scale + self.centre

    def _encode(self, X, codes):
        mean, log_variance = self.encoder(self._told(X, codes)).chunk(2, dim=1)
        # For rows far from the training rows, the exponential would overflow.
        return mean, log_variance.clamp(-20, 20)

    def _decode(self, z, codes):
        return self.decoder(self._told(z, codes))

    def _told(self, X, codes):
        if not self.n_classes:
            return X
        return torch.cat([X, nn.functional.one_hot(codes, self.n_classes).to(X)], dim=1)

    def loss(self, X, noise, kl_weight=1.0, codes=None):
        """Summed squared error of the standardised features plus the KL divergence.

        This is Eq. 2 of IHDA: the mean over rows of a sum over dimensions. If the error
        were a mean over dimensions, the divergence would dominate and the latent space
        would collapse. The paper does not speak of standardising: its error is that of
        the features as they are, which :func:`fit_vae` has with ``standardise=False``.

        Parameters
        ----------
        X : torch.Tensor of shape (n, n_features)
            Vectors.
        noise : torch.Tensor of shape (n, latent_dim)
            Standard normal draws.
        kl_weight : float, default=1.0
            Weight of the divergence.
        codes : torch.Tensor of shape (n,), default=None
            Class of each row, for a conditional autoencoder.

        Returns
        -------
        loss : torch.Tensor of shape ()
            The mean over rows.
        """
        X = self.standardised(X)
        mean, log_variance = self._encode(X, codes)
        z = mean + (log_variance / 2).exp() * noise
        error = (self._decode(z, codes) - X).square().sum(1)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
        return (error + kl_weight * divergence).mean()

    @torch.no_grad()
    def report(self, X, codes=None):
        """Measure how much of the variation in X the latent space carries.

        Parameters
        ----------
        X, codes : torch.Tensor
            As for :meth:`loss`.

        Returns
        -------
        r2 : float
            Share of the variance of the standardised features that survives encoding
            to latent means and decoding; 0 or less for a collapsed latent space. If the
            network takes the features as they are, it is the share of their variance,
            of which wide features have more.
        active_units : int
            Number of latent dimensions whose mean has a variance above 0.01 over X.
        """
        scale, (_, deviation, _) = self._unit(), moments(X)
        means, error = [], 0.0
        for rows, told in self._parts(X, codes):
            means.append(self.encode(rows, told)[0])
            residual = rows - self.decode(means[-1], told)
            error = error + (residual / scale).square().sum()
        variance = (deviation / scale).square().sum()
        r2 = 1 - error / len(X) / variance.clamp(min=1e-12)
        active = torch.cat(means).var(0, correction=0) > 0.01
        return float(r2), int(active.sum())

    @torch.no_grad()
    def error(self, X, codes=None):
        """Measure the residual of encoding and decoding, by feature.

        Parameters
        ----------
        X, codes : torch.Tensor
            As for :meth:`loss`.

        Returns
        -------
        deviation : torch.Tensor of shape (n_features,)
            Standard deviation of the residual, in the units of X.
        """
        mean = sum(self._residual(*p).sum(0) for p in self._parts(X, codes)) / len(X)
        squares = sum(
            (self._residual(*p) - mean).square().sum(0) for p in self._parts(X, codes)
        )
        return (squares / len(X)).sqrt() * self._unit()

    def _residual(self, X, codes):
        """What encoding and decoding change, in standard units."""
        return (X - self.decode(self.encode(X, codes)[0], codes)) / self._unit()

    def _unit(self):
        """The scale, and 1 for constant features."""
        return torch.where(self.scale > 0, self.scale, 1.0)

    @staticmethod
    def _parts(X, codes):
        """Split rows, since the reconstructions of all would be several times X."""
        for part in parts(X, most=4096):
            yield X[part], None if codes is None else codes[part]


def fit_vae(
    X,
    X_valid=None,
    *,
    codes=None,
    codes_valid=None,
    n_classes=0,
    latent_dim=32,
    hidden=256,
    kl_weight=1.0,
    standardise=True,
    max_steps=1000,
    patience=200,
    batch_size=128,
    lr=2e-3,
    random_state=0,
    verbose=0,
):
    """Train a :class:`~skaug.hard_regions.VAE` with early stopping.

    Parameters
    ----------
    X : torch.Tensor or InParts of shape (n, n_features)
        Training vectors. The VAE gets their device and dtype.
    X_valid : torch.Tensor or InParts of shape (n_valid, n_features), default=None
        Held-out vectors. If their loss has not fallen for `patience` steps, training
        stops, and the weights with the least loss since step 200 are taken. Without
        held-out vectors, training takes `max_steps` steps.
    codes, codes_valid : torch.Tensor of shape (n,) and (n_valid,), default=None
        Class of each row, for a conditional autoencoder.
    n_classes, latent_dim, hidden : int
        As for :class:`~skaug.hard_regions.VAE`.
    kl_weight : float, default=1.0
        Weight of the divergence. A smaller weight gives sharper copies, which vary
        less.
    standardise : bool, default=True
        Whether the error of the loss is that of features in standard units. If not, it
        is that of the features as they are, which is Eq. 2 to the letter: the unit of
        the data then sets the weight of the error against the divergence, and features
        of small numbers are not learned.
    max_steps, patience, batch_size : int
        Limits of training. They count steps rather than epochs, because few rows need
        as many steps as many rows.
    lr : float, default=0.002
        Learning rate of Adam.
    random_state : int, default=0
        Seed of weights, batches and noise. The global generators are not used.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, which counts steps, and 2 prints lines
        instead, one about every 500 steps.

    Returns
    -------
    vae : VAE
        The autoencoder in evaluation mode. Its ``n_steps`` is the number of steps
        taken. If Ctrl-C stopped the training, its ``interrupted`` is True.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or training diverged, so that decoded rows
        are not finite.

    Examples
    --------
    >>> import torch
    >>> from skaug.hard_regions import fit_vae
    >>> angle = torch.arange(100) / 10
    >>> X = torch.stack([angle.sin(), angle.cos()], dim=1)
    >>> X = torch.cat([X, X @ torch.ones(2, 3)], dim=1)  # 5 features, 2 dimensions
    >>> vae = fit_vae(X, latent_dim=4, kl_weight=0.1, max_steps=300)
    >>> r2, active_units = vae.report(X)
    >>> r2 > 0.9
    True
    """
    for name, value in (
        ("latent_dim", latent_dim),
        ("hidden", hidden),
        ("kl_weight", kl_weight),
        ("batch_size", batch_size),
        ("lr", lr),
    ):
        check_value("fit_vae", name, value, RULES[name])
    generator = new_generator(random_state)
    with own_generators(X.device, random_state):
        vae = VAE(X.shape[1], latent_dim, hidden, n_classes).to(X.device, X.dtype)
    if standardise:
        vae.standardise_by(X)
    trained = copy.deepcopy(vae).float()
    # From here on in the units of the loss, for which single precision is enough.
    X, X_valid = (None if Y is None else _standardised(vae, Y) for Y in (X, X_valid))
    trained.centre.zero_()
    trained.scale.fill_(1)
    optimizer = torch.optim.Adam(trained.parameters(), lr=lr, fused=True)

    def draw(n):
        return torch.randn(n, latent_dim, generator=generator).to(X.device)

    judge = _HeldOut(trained, X_valid, codes_valid, draw, kl_weight, max_steps)
    step, printed, lines = 0, 0, prints_lines(verbose)
    batches = _batches(len(X), batch_size, generator, X.device)
    progress = Progress("VAE", max_steps, verbose=verbose)
    with progress, _ended_by_ctrl_c(vae):
        while step < min(max_steps, judge.best_step + patience):
            rows = next(batches)
            told = None if codes is None else codes[rows]
            loss = trained.loss(X[rows], draw(len(rows)), kl_weight, told)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if judge.is_due(step):
                loss = judge.look(step)
            if progress.is_shown:
                progress.step(loss=float(loss.detach()))
            if lines and step >= printed + 500:
                printed = step
                print(f"VAE, step {step}: loss {float(loss):.4g}")
    vae.n_steps = step
    trained.load_state_dict(judge.best)
    told = None if codes is None else codes[:batch_size]
    _check_decoded(trained, X[:batch_size], told, lr)
    return _with_weights(vae, judge.best)


class _HeldOut:
    """The loss of rows that are held out, and the weights with which it was least."""

    def __init__(self, vae, X, codes, draw, kl_weight, max_steps):
        self._vae, self._rows = vae, None
        # Without rows that are held out, these are the weights of the last step.
        self.best, self._least, self.best_step = vae.state_dict(), math.inf, max_steps
        # At first the VAE returns the mean, which may suit few rows by chance.
        self._next = max(20, min(200, max_steps))
        if X is not None:
            # Much noise, and the same every time, or chance would choose the step.
            numbers = torch.arange(len(X), device=X.device)
            numbers = numbers.repeat(math.ceil(1000 / len(X)))
            codes = None if codes is None else codes[numbers]
            X = at_once_if_few(Chosen(X, numbers))
            self._rows = X, draw(len(X)), kl_weight, codes

    def is_due(self, step):
        """Whether to look after a step: every twenty, once there is something."""
        return self._rows is not None and step >= self._next

    def look(self, step):
        """Take the loss, and keep the weights if it is the least."""
        self._next = step + 20
        loss = _loss_in_parts(self._vae, *self._rows)
        if loss < self._least:
            self.best, self._least = copy.deepcopy(self._vae.state_dict()), float(loss)
            self.best_step = step
        return loss


class _Standardised(InParts):
    """Rows of X in standard units, which they are given when they are read."""

    def __init__(self, vae, X):
        super().__init__(X.shape, torch.float32, X.device)
        self._vae, self._X = vae, X

    def read(self, key):
        return self._vae.standardised(self._X[key]).float()


def _standardised(vae, X):
    return at_once_if_few(_Standardised(vae, X))


@torch.no_grad()
def _loss_in_parts(vae, X, noise, kl_weight, codes):
    """The mean loss of rows that are read in parts."""
    losses = [
        (
            part.stop - part.start,
            vae.loss(
                X[part], noise[part], kl_weight, None if codes is None else codes[part]
            ),
        )
        for part in parts(X)
    ]
    if len(losses) == 1:
        return losses[0][1]
    return sum(n * loss for n, loss in losses) / len(X)


def _check_decoded(vae, X, codes, lr):
    """Refuse a VAE whose last step, which had no loss after it, made it diverge."""
    with torch.no_grad():
        decoded = vae.decode(vae.encode(X, codes)[0], codes)
    if not decoded.isfinite().all():
        raise ValueError(
            "fit_vae needs a loss that stays finite; got decoded rows that are not, "
            f"because training diverged. Decrease lr, which is {lr:g}, or look for "
            "extreme values in X."
        )


@contextmanager
def _ended_by_ctrl_c(vae):
    """Go on with what was trained when Ctrl-C is pressed."""
    try:
        yield
    except KeyboardInterrupt:
        vae.interrupted = True


def _with_weights(vae, weights):
    """Put trained weights into the VAE, which keeps its own centre and scale."""
    vae.load_state_dict(weights | {"centre": vae.centre, "scale": vae.scale})
    return vae.eval().requires_grad_(False)


def _batches(n, size, generator, device):
    """Row numbers in random batches, pass after pass."""
    while True:
        order = torch.randperm(n, generator=generator).to(device)
        yield from reversed(order.split(int(size)))  # torch takes no number of NumPy
