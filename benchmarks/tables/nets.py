"""Nets that train rows of the tables: by a paper's recipe, on any device."""

import torch
from skorch.dataset import Dataset
from skorch.helper import predefined_split

from image_sets import images_of
from skaug import Cutout, ISDAClassifier, NetClassifier
from skaug.baselines import recipe
from skaug.transforms import PerSample
from skaug.transforms.chain import Chain
from skaug.transforms.torchvision import v2

LAST = 10  # epochs over which the papers take a mean or a median
REFINED = ", refined"
NETWORKS = {  # of the tables: names of their recipes, and their sizes
    "ResNet-32": ("resnet", {"depth": 32}),
    "ResNet-56": ("resnet", {"depth": 56}),
    "ResNet-110": ("resnet", {"depth": 110}),
    "SE-ResNet-110": ("se_resnet", {"depth": 110}),
    "WRN-16-8": ("wide_resnet", {"depth": 16, "widen": 8}),
    "WRN-28-10": ("wide_resnet", {"depth": 28, "widen": 10}),
    "WRN-28-10, dropout": ("wide_resnet_autoaugment", {"depth": 28, "widen": 10}),
    "ResNeXt-29 8x64d": ("resnext", {}),
    "DenseNet-BC-100-12": ("densenet", {"depth": 100, "growth": 12}),
    "DenseNet-BC-190-40": ("densenet", {"depth": 190, "growth": 40}),
    "PreActResNet-18": ("preact_resnet_18", {}),
    "Shake-Shake 26 2x32d": ("shake_shake", {"width": 32}),
    "Shake-Shake 26 2x96d": ("shake_shake", {"width": 96}),
    "Shake-Shake 26 2x112d": ("shake_shake", {"width": 112}),
    "PyramidNet": ("pyramid_net", {"depth": 272, "widening": 200}),
}
# Sizes in a smoke test, by the name of the recipe.
SMALL = {
    "resnet": {"depth": 8, "width": 4},
    "se_resnet": {"depth": 8, "width": 16},
    "wide_resnet": {"depth": 10, "widen": 1},
    "wide_resnet_autoaugment": {"depth": 10, "widen": 1},
    "densenet": {"depth": 10, "growth": 4},
    "resnext": {"depth": 11, "group_width": 1, "width": 4},
    "shake_shake": {"depth": 8, "width": 4},
    "pyramid_net": {"depth": 11, "widening": 6},
    "preact_resnet_18": {"width": 4},
}


class InBfloat16:
    """The network computes in bfloat16, on images with channels last in memory.

    Weights, their updates, statistics of normalisation and losses stay in float32.
    """

    def initialize_module(self):
        """Create the network, and lay out its weights as the images are."""
        super().initialize_module()
        self.module_.to(memory_format=torch.channels_last)
        return self

    def infer(self, x, **fit_params):
        """Compute logits."""
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(torch.device(self.device).type, torch.bfloat16):
            return super().infer(x, **fit_params).float()


class FastNet(InBfloat16, NetClassifier):
    """A NetClassifier in bfloat16."""


class FastISDA(InBfloat16, ISDAClassifier):
    """An ISDAClassifier in bfloat16."""


FAST = {NetClassifier: FastNet, ISDAClassifier: FastISDA}


def cifar_run(row, network, paper, name, seed, options, transform=None, **more):
    """Train a network by the recipe of a paper; accuracies before and after refinement.

    Parameters
    ----------
    row : str
        What the accuracies belong to; those after refinement get REFINED behind it.
    network, paper : str
        Of NETWORKS, and of the recipe.
    name : str
        Set of images.
    seed, options : int and Namespace
        From the command line.
    transform : callable, default=None
        Of the images: the transform of the recipe.
    **more
        More arguments of `cifar_net`.
    """
    images = images_of(name, options)
    if transform is not None:
        more["transform"] = transform(images)
    net = cifar_net(network, paper, images, seed, options, **more)
    accuracies = last_accuracies(net.fit(images.X, images.y))
    return dict(zip((row, row + REFINED), accuracies))


def cifar_net(network, paper, images, seed, options, *, transform=None, **more):
    """Make a net by the recipe of a paper; `more` are arguments of `net_of`."""
    family, sizes = NETWORKS[network]
    training = recipe(family, paper, transform=transform, max_epochs=options.epochs)
    sizes = SMALL[family] if options.smoke else sizes
    training |= {f"module__{name}": size for name, size in sizes.items()}
    test = Dataset(images.X_test, images.y_test)
    return net_of(training, test, seed, options, **more)


def net_of(training, test, seed, options, *, kind=NetClassifier, first=(), **more):
    """Make a net that is scored on the test images after each epoch.

    Parameters
    ----------
    training : dict
        Arguments of the net, such as those of a recipe.
    test : torch.utils.data.Dataset
        The test images.
    seed, options : int and Namespace
        From the command line.
    kind : class, default=NetClassifier
        NetClassifier or ISDAClassifier.
    first : list of (str, callback), default=()
        What is done to batches before all else.
    **more
        Arguments of the net in place of those of the recipe.
    """
    training["callbacks"] = [*first, *training.get("callbacks", ())]
    own = {
        "train_split": predefined_split(test),
        "device": options.device,
        "random_state": seed,
        "verbose": 0 if options.smoke else 2,
    }
    kind = FAST[kind] if options.gpu else kind
    return kind(**{**training, **own, **more})


def last_accuracies(net, score="valid_acc"):
    """Test accuracies in percent of the last epochs of each phase of a training."""
    phases = {False: [], True: []}
    for epoch in net.history:
        phases[bool(epoch.get("refining"))].append(100 * epoch[score])
    return [accuracies[-LAST:] for accuracies in phases.values() if accuracies]


class OfPixels:
    """A transform of pixels from 0 to 1, for images that were standardised."""

    def __init__(self, transform, mean, scale):
        self.transform, self.mean, self.scale = transform, mean, scale

    def __call__(self, X):
        """Transform a batch."""
        mean, scale = (
            torch.as_tensor(one, device=X.device)[:, None, None]
            for one in (self.mean, self.scale)
        )
        pixels = (X * scale + mean).clamp(0, 1)
        return (self.transform(pixels) - mean) / scale


def auto_augment(policy, mean, scale):
    """AutoAugment, for each image by itself; what it uncovers is of the mean colour."""
    policy = v2.AutoAugment(v2.AutoAugmentPolicy(policy), fill=mean.tolist())
    return OfPixels(PerSample(policy), mean, scale)


def cifar_auto_augment(images):
    """AutoAugment and Cutout, as published for CIFAR."""
    return Chain([auto_augment("cifar10", images.mean, images.scale), Cutout(16)])
