r"""Generative adversarial networks that make rows of given classes.

A generator G makes rows of noise, and a discriminator D judges which rows are real. In
turns, D is trained for a step and G is trained for a step to be taken for real.

=================================  ==========================  =========================
class                              how a row gets its label    beside "is it real?"
=================================  ==========================  =========================
:class:`WassersteinGAN`            one pair for each class     slopes of D near 1
:class:`ConditionalGAN`            G and D are told the label
:class:`AuxiliaryClassifierGAN`    G is told the label         D names the label
:class:`InfoGAN`                   G is told the label and     D names both
                                   two codes
=================================  ==========================  =========================

They are the generators of ISDA's Table 4. Its appendix says that the Wasserstein GAN
has a generator for each class, that the others have one for all and generate images
"corresponding to their label", that noise has 100 dimensions, and that InfoGAN has "two
dimensions" more.
"""

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data
from torch.nn.functional import cross_entropy, one_hot

from skaug._checks import Number, Whole, check_parameters, is_whole
from skaug._input import as_numbers
from skaug._labels import check_labels
from skaug._progress import Progress, prints_lines
from skaug._random import draw_seed, new_generator, own_generators
from skaug.baselines.gan_losses import (
    code_information,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    label_information,
)
from skaug.baselines.gan_networks import Discriminator, RowGenerator, ToldGenerator

__all__ = ["AuxiliaryClassifierGAN", "ConditionalGAN", "InfoGAN", "WassersteinGAN"]

AT_ONCE = 1024  # rows that are generated in one piece
LINES = 500  # steps between two lines at verbose=2


class _GAN(BaseEstimator):
    """What all kinds share: units of rows, networks, training, samples."""

    # What the kinds differ in, beside their losses.
    one_per_class = False
    critic_steps = 1
    n_codes = 0
    betas = 0.5, 0.999  # of Adam, as in DCGAN

    _rules = {
        "latent_dim": Whole(1),
        "width": Whole(1),
        "steps": Whole(1),
        "batch_size": Whole(2),
        "lr": Number(0, open_low=True),
    }

    def __init__(
        self,
        latent_dim=100,
        width=32,
        steps=2000,
        batch_size=64,
        lr=1e-3,
        device="cpu",
        random_state=None,
        verbose=0,
    ):
        self.latent_dim = latent_dim
        self.width = width
        self.steps = steps
        self.batch_size = batch_size
        self.lr = lr
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y):
        """Train the networks.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Rows. Those of shape (n, channels, height, width) are images; all others are
            taken as tables.
        y : array-like of shape (n,)
            Labels.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter is out of range, rows or labels are not such, or training
            diverges.
        """
        check_parameters(self, self._rules)
        X, codes = self._checked(X, y)
        rows = self._scaled(X).to(self.device)
        labels = one_hot(torch.from_numpy(codes), len(self.classes_)).float()
        labels = labels.to(self.device)
        parts = [(rows, labels)]
        if self.one_per_class:  # nothing is told, as all rows are of one class
            codes_of_parts = range(len(self.classes_))
            parts = [(rows[codes == k], labels[codes == k, :0]) for k in codes_of_parts]
        seed = draw_seed(self.random_state)
        draws = new_generator(seed)
        progress = Progress(
            type(self).__name__, len(parts) * self.steps, verbose=self.verbose
        )
        with progress:
            trained = [self._trained(*part, seed, draws, progress) for part in parts]
        self.generators_, losses = zip(*trained)
        losses = torch.stack(losses).cpu().numpy()  # (n_generators, steps, 2)
        self.losses_ = {"generator": losses[..., 0], "discriminator": losses[..., 1]}
        return self

    def sample(self, labels, random_state=None):
        """Generate rows.

        Parameters
        ----------
        labels : int or array-like of shape (n,)
            Labels of the rows, or how many rows to generate: their labels are then
            drawn, and are as common as in the training rows.
        random_state : int, RandomState instance or None, default=None
            Seed. ``None`` draws from NumPy's global generator.

        Returns
        -------
        X : ndarray of shape (n, ...)
            New rows, of the shape and the type of those in fit.
        y : ndarray of shape (n,)
            Their labels.

        Raises
        ------
        ValueError
            If a label is not one of those in fit.
        """
        check_is_fitted(self)
        draws = new_generator(draw_seed(random_state))
        codes = self._codes(labels, draws)
        made = np.empty((len(codes), *self.input_shape_), self.input_dtype_)
        for start in range(0, len(codes), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            rows = self._generated(torch.from_numpy(codes[part]), draws)
            made[part] = self._unscaled(rows)
        return made, self.classes_[codes]

    def __sklearn_tags__(self):
        """Labels are needed."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    # Rows and labels

    def _checked(self, X, y):
        """Return rows as an array and codes of labels; learn their shape and names."""
        name = type(self).__name__
        X = as_numbers(X, name)
        X = validate_data(self, X, dtype="numeric", allow_nd=True)
        y = check_labels(y, len(X), name)
        self.classes_, codes, counts = np.unique(
            y, return_inverse=True, return_counts=True
        )
        self.class_shares_ = counts / len(y)
        self.input_shape_, self.input_dtype_ = X.shape[1:], X.dtype
        return X, codes

    def _scaled(self, X):
        """Learn the range of each channel; return rows in [-1, 1] as a tensor."""
        axes = tuple(axis for axis in range(X.ndim) if axis != 1)
        low, high = X.min(axes).astype(np.float64), X.max(axes).astype(np.float64)
        shape = 1, -1, *[1] * (X.ndim - 2)
        self.centre_ = ((low + high) / 2).reshape(shape)
        self.half_range_ = ((high - low) / 2).reshape(shape)
        # A constant channel is generated as its constant.
        unit = np.where(self.half_range_ > 0, self.half_range_, 1.0)
        rows = torch.from_numpy(((X - self.centre_) / unit).astype(np.float32))
        return rows if rows.ndim == 4 else rows.flatten(1)

    def _unscaled(self, rows):
        rows = rows.cpu().numpy().reshape(-1, *self.input_shape_)
        rows = self.centre_ + self.half_range_ * rows.astype(np.float64)
        return rows if self.input_dtype_.kind == "f" else np.rint(rows)

    def _codes(self, labels, draws):
        """Return codes of given labels, or of so many that are drawn."""
        name = type(self).__name__
        if is_whole(labels) and labels > 0:
            shares = torch.from_numpy(self.class_shares_)
            return torch.multinomial(
                shares, int(labels), replacement=True, generator=draws
            ).numpy()
        labels = np.asarray(labels)
        if labels.ndim != 1 or not np.isin(labels, self.classes_).all():
            unknown = np.setdiff1d(labels, self.classes_)[:3].tolist()
            got = unknown if labels.ndim == 1 else repr(labels)
            raise ValueError(
                f"{name} needs labels of fit, or a number of rows; got {got}. Take "
                f"some of {self.classes_.tolist()[:10]}."
            )
        return np.searchsorted(self.classes_, labels)

    def generator(self, label):
        """Return the network that makes rows of a class.

        Gradients flow through it, see :class:`~skaug.isda.FeatureInversion`. The codes
        of an InfoGAN are 0.

        Parameters
        ----------
        label : object
            A label of fit.

        Returns
        -------
        generator : torch.nn.Module
            Maps noise (n, latent_dim) to rows (n, ...) of the shape and in the units of
            those in fit. It shares its weights with the GAN.

        Raises
        ------
        ValueError
            If the label is not one of those in fit.
        """
        check_is_fitted(self)
        (code,) = self._codes([label], None).tolist()
        told = one_hot(torch.tensor([code]), len(self.classes_)).float()
        told = torch.cat([told, torch.zeros(1, self.n_codes)], dim=1)
        if self.one_per_class:
            network, told = self.generators_[code], told[:, :0]
        else:
            (network,) = self.generators_
        inputs, units = (self.latent_dim, told), (self.centre_, self.half_range_)
        return ToldGenerator(network, *inputs, *units, self.input_shape_)

    # Networks and their training

    def _n_outputs(self, n_classes):
        """How many numbers the discriminator puts out for a row."""
        return 1

    def _networks(self, shape, n_labels):
        """Make a generator and a discriminator of rows of a shape."""
        n_inputs = self.latent_dim + n_labels + self.n_codes
        return (
            RowGenerator(n_inputs, shape, self.width),
            Discriminator(shape, self._n_outputs(n_labels), self.width),
        )

    def _inputs(self, labels, draws):
        """Draw what rows are made of: noise, labels and codes, side by side."""
        noise = torch.randn(len(labels), self.latent_dim, generator=draws)
        codes = 2 * torch.rand(len(labels), self.n_codes, generator=draws) - 1
        return torch.cat([noise.to(labels), labels, codes.to(labels)], dim=1)

    def _trained(self, rows, labels, seed, draws, progress):
        """Train a pair of networks; return the generator and the losses of both."""
        with own_generators(self.device, seed):
            networks = self._networks(rows.shape[1:], labels.shape[1])
            generator, discriminator = (one.to(self.device) for one in networks)
        of_generator, of_discriminator = (
            torch.optim.Adam(one.parameters(), lr=self.lr, betas=self.betas, fused=True)
            for one in (generator, discriminator)
        )
        losses = torch.empty(self.steps, 2, device=rows.device)
        for step in range(self.steps):
            for _ in range(self.critic_steps):
                chosen = torch.randint(len(rows), (self.batch_size,), generator=draws)
                chosen = chosen.to(rows.device)
                real, told = rows[chosen], labels[chosen]
                inputs = self._inputs(told, draws)
                fake = generator(inputs)
                loss = self._loss_of_discriminator(
                    discriminator, real, fake.detach(), told, inputs, draws
                )
                of_discriminator.zero_grad()
                loss.backward()
                of_discriminator.step()
            losses[step, 1] = loss.detach()
            loss = self._loss_of_generator(discriminator, fake, told, inputs)
            of_generator.zero_grad()
            # Gradients of the discriminator would be computed for nothing.
            loss.backward(inputs=list(generator.parameters()))
            of_generator.step()
            losses[step, 0] = loss.detach()
            self._tell(progress, losses[step])
        self._check_finite(generator)
        return generator.eval(), losses

    def _tell(self, progress, losses):
        """Count a step, and show its losses."""
        is_due = prints_lines(self.verbose) and (progress.n + 1) % LINES == 0
        figures = {}
        if progress.is_shown or is_due:
            figures = dict(zip(("generator", "discriminator"), losses.tolist()))
        progress.step(**figures)
        if is_due:
            shown = ", ".join(f"{name} {loss:.4g}" for name, loss in figures.items())
            print(f"{type(self).__name__}, step {progress.n}: loss of {shown}")

    def _check_finite(self, generator):
        """Refuse a generator that makes no numbers."""
        for values in generator.state_dict().values():
            if not values.isfinite().all():
                raise ValueError(
                    f"{type(self).__name__} needs a training that does not diverge; "
                    f"got weights that are not finite with lr={self.lr}. Lower lr."
                )

    @torch.no_grad()
    def _generated(self, codes, draws):
        """Make rows in [-1, 1] of the classes of some codes."""
        device = next(self.generators_[0].parameters()).device
        labels = one_hot(codes, len(self.classes_)).float().to(device)
        if not self.one_per_class:
            return self.generators_[0](self._inputs(labels, draws))
        inputs = self._inputs(labels[:, :0], draws)
        rows = None
        for code in codes.unique().tolist():
            of_class = (codes == code).to(device)
            made = self.generators_[code](inputs[of_class])
            rows = made.new_empty(len(codes), *made.shape[1:]) if rows is None else rows
            rows[of_class] = made
        return rows


# The constructor is that of the class above, where numpydoc does not look.
class ConditionalGAN(_GAN):  # numpydoc ignore=PR02
    """GAN whose generator and discriminator are told the label (Mirza, Osindero [1]_).

    The label is one-hot, beside the noise for the generator, and as more channels of
    the row for the discriminator.

    Parameters
    ----------
    latent_dim : int, default=100
        Numbers of noise that a row is made of.
    width : int, default=32
        Channels of the networks' level next to the image; tables have layers of four
        times as many units.
    steps : int, default=2000
        Steps of the generator, and of the discriminator.
    batch_size : int, default=64
        Rows of a step, drawn with replacement.
    lr : float, default=0.001
        Learning rate of Adam, of both networks. Trainings of tens of thousands of steps
        mostly have a lower one, such as 0.0002.
    device : str, default="cpu"
        Where the networks are.
    random_state : int, RandomState instance or None, default=None
        Seed of weights, batches and noise.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, and 2 prints a line every 500 steps.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    class_shares_ : ndarray of shape (n_classes,)
        How common they were in fit.
    generators_ : tuple of one torch.nn.Module
        The generator.
    losses_ : dict of str to ndarray of shape (1, steps)
        Losses of "generator" and "discriminator". They are log 2 and 2 log 2 where rows
        cannot be told apart.

    See Also
    --------
    GeneratedRows : Puts generated rows into the batches of a training.

    References
    ----------
    .. [1] M. Mirza, S. Osindero, "Conditional Generative Adversarial Nets",
       arXiv:1411.1784.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug.baselines import ConditionalGAN
    >>> X, y = load_iris(return_X_y=True)
    >>> gan = ConditionalGAN(steps=20, random_state=0).fit(X, y)
    >>> new_X, new_y = gan.sample(5, random_state=0)
    >>> new_X.shape, new_y.shape
    ((5, 4), (5,))
    """

    def _networks(self, shape, n_labels):
        generator, _ = super()._networks(shape, n_labels)
        shape = shape[0] + n_labels, *shape[1:]
        return generator, Discriminator(shape, 1, self.width)

    def _loss_of_discriminator(self, discriminator, real, fake, labels, inputs, draws):
        judged = (discriminator(_with_labels(rows, labels)) for rows in (real, fake))
        return discriminator_loss(*judged)

    def _loss_of_generator(self, discriminator, fake, labels, inputs):
        return generator_loss(discriminator(_with_labels(fake, labels)))


def _with_labels(rows, labels):
    """Rows with a channel for each class, which is 1 for the row's own."""
    axes = rows.shape[2:]
    channels = labels.view(*labels.shape, *[1] * len(axes)).expand(-1, -1, *axes)
    return torch.cat([rows, channels], dim=1)


class AuxiliaryClassifierGAN(_GAN):
    """GAN whose discriminator also names the label (Odena, Olah, Shlens [1]_).

    Only the generator is told the label. Both networks minimise the cross-entropy of
    the label that the discriminator names, for generated rows, and the discriminator
    for real rows too.

    Parameters and attributes are those of :class:`ConditionalGAN`.

    See Also
    --------
    GeneratedRows : Puts generated rows into the batches of a training.

    References
    ----------
    .. [1] A. Odena, C. Olah, J. Shlens, "Conditional Image Synthesis with Auxiliary
       Classifier GANs", ICML 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug.baselines import AuxiliaryClassifierGAN
    >>> X, y = load_iris(return_X_y=True)
    >>> gan = AuxiliaryClassifierGAN(steps=20, random_state=0).fit(X, y)
    >>> gan.sample([0, 0, 2], random_state=0)[0].shape
    (3, 4)
    """

    def _n_outputs(self, n_classes):
        return 1 + n_classes

    def _loss_of_discriminator(self, discriminator, real, fake, labels, inputs, draws):
        of_real, of_fake = discriminator(real), discriminator(fake)
        named = of_real[:, 1 : 1 + labels.shape[1]]
        return (
            discriminator_loss(of_real[:, 0], of_fake[:, 0])
            + cross_entropy(named, labels)
            + self._loss_of_names(of_fake[:, 1:], labels, inputs)
        )

    def _loss_of_generator(self, discriminator, fake, labels, inputs):
        of_fake = discriminator(fake)
        named = self._loss_of_names(of_fake[:, 1:], labels, inputs)
        return generator_loss(of_fake[:, 0]) + named

    def _loss_of_names(self, named, labels, inputs):
        """How badly generated rows show what the generator was told."""
        return cross_entropy(named, labels)


class InfoGAN(AuxiliaryClassifierGAN):
    r"""GAN whose rows show what the generator was told (Chen et al. [1]_).

    The generator is told the label and two codes from U[-1, 1]. Both networks raise a
    bound of the information about them in generated rows, :math:`H(c) + E \log q(c |
    x)`, where q is what the discriminator names: a class, and normal distributions of
    the codes.

    InfoGAN without labels finds classes of its own, which have no names. Here the
    discriminator names the labels of real rows too, as in its semi-supervised form
    [2]_, so that generated rows go with their labels. It is an
    :class:`AuxiliaryClassifierGAN` with codes.

    Parameters
    ----------
    latent_dim : int, default=100
        Numbers of noise that a row is made of.
    width : int, default=32
        Channels of the networks' level next to the image; tables have layers of four
        times as many units.
    steps : int, default=2000
        Steps of the generator, and of the discriminator.
    batch_size : int, default=64
        Rows of a step, drawn with replacement.
    lr : float, default=0.001
        Learning rate of Adam, of both networks. Trainings of tens of thousands of steps
        mostly have a lower one, such as 0.0002.
    n_codes : int, default=2
        Codes from U[-1, 1] beside the label; two in both papers.
    device : str, default="cpu"
        Where the networks are.
    random_state : int, RandomState instance or None, default=None
        Seed of weights, batches and noise.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, and 2 prints a line every 500 steps.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    class_shares_ : ndarray of shape (n_classes,)
        How common they were in fit.
    generators_ : tuple of one torch.nn.Module
        The generator.
    losses_ : dict of str to ndarray of shape (1, steps)
        Losses of "generator" and "discriminator", less the information.

    See Also
    --------
    GeneratedRows : Puts generated rows into the batches of a training.

    References
    ----------
    .. [1] X. Chen et al., "InfoGAN: Interpretable Representation Learning by
       Information Maximizing Generative Adversarial Nets", NeurIPS 2016.
    .. [2] A. Spurr, E. Aksan, O. Hilliges, "Guiding InfoGAN with Semi-Supervision",
       ECML PKDD 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug.baselines import InfoGAN
    >>> X, y = load_iris(return_X_y=True)
    >>> gan = InfoGAN(steps=20, random_state=0).fit(X, y)
    >>> gan.sample([0, 0, 2], random_state=0)[0].shape
    (3, 4)
    """

    _rules = {**_GAN._rules, "n_codes": Whole(1)}

    def __init__(
        self,
        latent_dim=100,
        width=32,
        steps=2000,
        batch_size=64,
        lr=1e-3,
        n_codes=2,
        device="cpu",
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            latent_dim, width, steps, batch_size, lr, device, random_state, verbose
        )
        self.n_codes = n_codes

    def _n_outputs(self, n_classes):
        return 1 + n_classes + self.n_codes

    def _loss_of_names(self, named, labels, inputs):
        n, codes = labels.shape[1], inputs[:, -self.n_codes :]
        information = label_information(named[:, :n], labels)
        return -(information + code_information(named[:, n:], codes))


class WassersteinGAN(_GAN):
    r"""Wasserstein GAN with gradient penalty: a generator for each class.

    The critic D maximises :math:`E D(x) - E D(G(z)) - \lambda E (\lVert \nabla D
    \rVert - 1)^2`, with slopes measured between real and generated rows [2]_. The first
    Wasserstein GAN [1]_ clips weights instead, which its authors call "a clearly
    terrible way" to bound slopes. The penalty is what has been used since.

    Parameters
    ----------
    latent_dim : int, default=100
        Numbers of noise that a row is made of.
    width : int, default=32
        Channels of the networks' level next to the image; tables have layers of four
        times as many units.
    steps : int, default=500
        Steps of each generator. There are as many generators as classes.
    batch_size : int, default=64
        Rows of a step, drawn with replacement.
    lr : float, default=0.001
        Learning rate of Adam, of both networks. Trainings of tens of thousands of steps
        mostly have a lower one, such as 0.0002.
    penalty_weight : float, default=10
        The :math:`\lambda` above.
    critic_steps : int, default=5
        Steps of the critic for one of the generator.
    device : str, default="cpu"
        Where the networks are.
    random_state : int, RandomState instance or None, default=None
        Seed of weights, batches and noise.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, and 2 prints a line every 500 steps.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    class_shares_ : ndarray of shape (n_classes,)
        How common they were in fit.
    generators_ : tuple of torch.nn.Module
        One for each class.
    losses_ : dict of str to ndarray of shape (n_generators, steps)
        Losses of "generator" and "discriminator".

    See Also
    --------
    GeneratedRows : Puts generated rows into the batches of a training.

    References
    ----------
    .. [1] M. Arjovsky, S. Chintala, L. Bottou, "Wasserstein GAN", ICML 2017.
    .. [2] I. Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug.baselines import WassersteinGAN
    >>> X, y = load_iris(return_X_y=True)
    >>> gan = WassersteinGAN(steps=5, random_state=0).fit(X, y)
    >>> gan.sample([0, 2], random_state=0)[0].shape, len(gan.generators_)
    ((2, 4), 3)
    """

    one_per_class = True
    betas = 0.0, 0.9  # as Gulrajani et al. have them
    _rules = {**_GAN._rules, "penalty_weight": Number(0), "critic_steps": Whole(1)}

    def __init__(
        self,
        latent_dim=100,
        width=32,
        steps=500,
        batch_size=64,
        lr=1e-3,
        penalty_weight=10.0,
        critic_steps=5,
        device="cpu",
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            latent_dim, width, steps, batch_size, lr, device, random_state, verbose
        )
        self.penalty_weight = penalty_weight
        self.critic_steps = critic_steps

    def _loss_of_discriminator(self, critic, real, fake, labels, inputs, draws):
        shares = torch.rand(len(real), generator=draws).to(real)
        penalty = gradient_penalty(critic, real, fake, shares)
        return (critic(fake) - critic(real)).mean() + self.penalty_weight * penalty

    def _loss_of_generator(self, critic, fake, labels, inputs):
        return -critic(fake).mean()
