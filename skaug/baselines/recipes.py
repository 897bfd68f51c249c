"""How the papers train the networks of their tables: keyword arguments of a net."""

from dataclasses import dataclass, field

from skorch.callbacks import GradientNormClipping, LRScheduler
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, MultiStepLR

from skaug._checks import OneOf, Whole, check_value
from skaug.baselines.networks import (
    DenseNet,
    PreActResNet18,
    PyramidNet,
    ResNet,
    ResNeXt,
    SEResNet,
    ShakeShake,
    WideResNet,
)
from skaug.refined import BatchAugmentation
from skaug.transforms import RandomCropFlip

__all__ = ["recipe"]


@dataclass(frozen=True)
class Training:
    """A row of a paper's table. Without `drops` the rate falls along a cosine."""

    module: type
    epochs: int
    batch_size: int
    weight_decay: float
    lr: float
    factor: float = 1.0
    drops: tuple = ()  # epochs that are done when the rate is multiplied
    nesterov: bool = True
    refine_epochs: int = 0
    largest_gradient: float | None = None
    module_params: dict = field(default_factory=dict)


def in_epochs(*numbers):
    """When the rate changes that an epoch of each number, from 1, is trained with."""
    return tuple(number - 1 for number in numbers)


# As dropout is between the convolutions of a block in the code of ISDA.
DROPOUT = {"dropout": 0.3}
ISDA = {
    "resnet": Training(ResNet, 160, 128, 1e-4, 0.1, 0.1, in_epochs(80, 120)),
    "se_resnet": Training(SEResNet, 200, 128, 1e-4, 0.1, 0.1, in_epochs(80, 120, 160)),
    "wide_resnet": Training(
        *(WideResNet, 240, 128, 5e-4, 0.1, 0.2, in_epochs(60, 120, 160, 200)),
        module_params=DROPOUT,
    ),
    "densenet": Training(DenseNet, 300, 64, 1e-4, 0.1, 0.1, in_epochs(150, 200, 250)),
    "resnext": Training(ResNeXt, 350, 128, 5e-4, 0.05, 0.1, in_epochs(150, 225, 300)),
    "shake_shake": Training(ShakeShake, 1800, 64, 1e-4, 0.1),
}
# The paper has the settings of AutoAugment, whose script clips gradients.
CLIPPED = {"largest_gradient": 5.0}
INFLUENCE = {
    "wide_resnet": Training(WideResNet, 200, 128, 5e-4, 0.1, **CLIPPED),
    "shake_shake": Training(ShakeShake, 1800, 128, 1e-3, 0.01, **CLIPPED),
    "pyramid_net": Training(PyramidNet, 1800, 64, 5e-5, 0.05, **CLIPPED),
}
REFINED = {
    "preact_resnet_18": Training(
        *(PreActResNet18, 400, 128, 1e-4, 0.1, 0.1, (150, 275)),
        nesterov=False,
        refine_epochs=50,
    ),
    "wide_resnet": Training(
        *(WideResNet, 400, 128, 5e-4, 0.1, 0.2, (120, 240, 320)),
        nesterov=False,
        refine_epochs=50,
    ),
    "wide_resnet_autoaugment": Training(
        *(WideResNet, 400, 128, 5e-4, 0.1),
        nesterov=False,
        refine_epochs=50,
        module_params=DROPOUT,
    ),
    "shake_shake": Training(
        ShakeShake, 1800, 128, 1e-3, 0.01, nesterov=False, refine_epochs=200
    ),
}
# Its settings are in a supplement that is not public. The networks that it starts from
# have errors close to those of these trainings in their papers.
IHDA = {
    **{name: ISDA[name] for name in ("resnet", "se_resnet", "wide_resnet")},
    **{name: INFLUENCE[name] for name in ("shake_shake", "pyramid_net")},
}
PAPERS = {"isda": ISDA, "ihda": IHDA, "refined": REFINED, "influence": INFLUENCE}


def recipe(network, paper="isda", *, transform=None, max_epochs=None):
    """How a paper trains a network of its tables, as arguments of a net.

    Parameters
    ----------
    network : str
        Network of the paper, by its family:

        - "isda": "resnet", "se_resnet", "wide_resnet", "densenet", "resnext",
          "shake_shake", Table 6 of [1]_;
        - "ihda": "resnet", "se_resnet", "wide_resnet", "shake_shake", "pyramid_net".
          The settings of [2]_ are not public. The first three are those of "isda", the
          last two those of "influence";
        - "refined": "preact_resnet_18", "wide_resnet", "wide_resnet_autoaugment",
          "shake_shake", Section 4.1 of [3]_;
        - "influence": "wide_resnet", "shake_shake", "pyramid_net". [4]_ has the
          settings of [5]_, which are from its published script.
    paper : {"isda", "ihda", "refined", "influence"}, default="isda"
        Whose table.
    transform : callable, default=None
        What is done to batches after crops and flips, such as ``Cutout(16)`` or
        ``TableMixup()``: the transform of a :class:`skaug.BatchAugmentation`. In the
        recipes of "refined", epochs without it follow: 400 and 50, or 1800 and 200 for
        "shake_shake".
    max_epochs : int, default=None
        Epochs in place of the paper's, for shorter trainings. Times at which the rate
        changes, and epochs of refinement, become fewer in proportion.

    Returns
    -------
    arguments : dict
        Keyword arguments of :class:`skaug.NetClassifier` and its subclasses: ``module``
        and its parameters, the optimizer, ``lr``, ``max_epochs``, ``batch_size``, and
        ``callbacks`` named "crop_flip", "transform", "schedule" and "clip", as far as
        the recipe has them.

    Raises
    ------
    ValueError
        If the paper has no such network, or `max_epochs` is not a number of epochs.

    See Also
    --------
    skaug.BatchAugmentation : What the callbacks for crops, flips and `transform` are.

    Notes
    -----
    Sizes of networks are set beside a recipe: ``module__depth=110``. Rows of images are
    to be standardised, so that the padding of crops is of the mean colour.

    The rate stays the same for an epoch. "Multiplied in the 80th epoch", as in Table 6,
    is taken at its word, as by the code of ISDA: the 80th epoch has the lower rate. A
    cosine begins with the whole rate, and its last epoch has a little left, where the
    code of ISDA has 0. [3]_ says nothing of Nesterov's momentum, which the code of
    mixup does not have. After a cosine it refines at "a reasonably small value", a
    thousandth of the first rate here.

    References
    ----------
    .. [1] Y. Wang et al., "Regularizing Deep Networks with Semantic Data Augmentation",
       IEEE TPAMI 2021, and its first edition, NeurIPS 2019: Table 6.
    .. [2] A. Khan, K. Fraz, "Post-training Iterative Hierarchical Data Augmentation for
       Deep Networks", NeurIPS 2020.
    .. [3] Z. He et al., "Data Augmentation Revisited: Rethinking the Distribution Gap
       between Clean and Augmented Data", arXiv:1909.09148, Section 4.1.
    .. [4] D. Lee, H. Park, T. Pham, C. D. Yoo, "Learning Augmentation Network via
       Influence Functions", CVPR 2020, Section 5.2.
    .. [5] E. D. Cubuk et al., "AutoAugment: Learning Augmentation Policies from Data",
       CVPR 2019, and its published training script.

    Examples
    --------
    >>> from skaug import ISDAClassifier, NetClassifier, TableMixup
    >>> from skaug.baselines import recipe
    >>> recipe("resnet")["max_epochs"]
    160
    >>> net = NetClassifier(**recipe("resnet"), module__depth=110, device="cuda")
    >>> net = ISDAClassifier(strength=0.5, **recipe("wide_resnet"))
    >>> recipe("preact_resnet_18", "refined", transform=TableMixup())["max_epochs"]
    450
    """
    check_value("recipe", "paper", paper, OneOf(*PAPERS))
    known = OneOf(*PAPERS[paper], hint=f"These are the networks of {paper!r}.")
    check_value("recipe", "network", network, known)
    hint = "None takes the paper's."
    check_value("recipe", "max_epochs", max_epochs, Whole(1) | OneOf(None, hint=hint))
    training = PAPERS[paper][network]
    augmented, refined = _phases(training, transform is not None, max_epochs)
    params = {f"module__{name}": p for name, p in training.module_params.items()}
    return {
        "module": training.module,
        **params,
        "optimizer": SGD,
        "optimizer__momentum": 0.9,
        "optimizer__nesterov": training.nesterov,
        "optimizer__weight_decay": training.weight_decay,
        "lr": training.lr,
        "lr_schedule": "constant",  # that of the callback
        "max_epochs": augmented + refined,
        "batch_size": training.batch_size,
        "callbacks": _callbacks(training, transform, augmented, refined),
    }


def _phases(training, is_refined, max_epochs):
    """Epochs of the schedule, and of refinement after them."""
    wanted = training.refine_epochs if is_refined else 0
    whole = training.epochs + wanted
    total = max_epochs or whole
    refined = round(total * wanted / whole)
    if wanted:
        refined = min(max(refined, 1), total - 1)
    return total - refined, refined


def _callbacks(training, transform, augmented, refined):
    """The callbacks of a training, by name."""
    callbacks = [("crop_flip", BatchAugmentation(RandomCropFlip()))]
    if transform is not None:
        callbacks.append(("transform", BatchAugmentation(transform, refined)))
    if training.drops:
        share = augmented / training.epochs
        drops = [round(share * epoch) for epoch in training.drops]
        schedule = LRScheduler(MultiStepLR, milestones=drops, gamma=training.factor)
    else:
        schedule = LRScheduler(CosineAnnealingLR, T_max=augmented)
    callbacks.append(("schedule", schedule))
    if training.largest_gradient is not None:
        callbacks.append(("clip", GradientNormClipping(training.largest_gradient)))
    return callbacks
