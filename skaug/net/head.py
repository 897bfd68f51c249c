"""Find the last linear layer of a network and collect its inputs."""

from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.utils import parametrize

from skaug.net.outputs import kind_of

__all__ = ["bare", "capture_input", "check_head", "input_fault", "linear_head"]


def bare(module):
    """Return the network inside of torch's DistributedDataParallel, if it is in one."""
    is_wrapped = isinstance(module, nn.parallel.DistributedDataParallel)
    return module.module if is_wrapped else module


def _is_plain_linear(layer):
    # A subclass may change the initialisation but not the map. Weight normalisation and
    # other parametrisations compute `weight`, which is then no parameter of the layer.
    return (
        isinstance(layer, nn.Linear)
        and type(layer).forward is nn.Linear.forward
        and "weight" in layer._parameters
        and not parametrize.is_parametrized(layer)
    )


def linear_head(module, name=None):
    """Return the name of a network's last plain ``nn.Linear`` and the layer itself.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    name : str, default=None
        Dotted name of the layer. By default the last plain ``nn.Linear`` in
        ``module.named_modules()`` is taken.

    Returns
    -------
    name : str
        Dotted name, which is valid for copies of the network too.
    layer : torch.nn.Linear
        The layer itself.

    Raises
    ------
    ValueError
        If there is no such layer, or the layer named is not a plain ``nn.Linear``
        (with weight normalisation, say, a layer is not plain). The message lists the
        candidates.

    Examples
    --------
    >>> from torch import nn
    >>> from skaug.net import linear_head
    >>> linear_head(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)))
    ('2', Linear(in_features=8, out_features=3, bias=True))
    """
    layers = dict(module.named_modules())
    candidates = [key for key, layer in layers.items() if _is_plain_linear(layer)]
    if name is None and candidates:
        name = candidates[-1]
    if name in candidates:
        return name, layers[name]
    if name is None:
        got = "none"
    elif name in layers:
        got = f"{type(layers[name]).__name__} at {name!r}"
    else:
        got = f"the unknown layer name {name!r}"
    raise ValueError(
        f"{type(module).__name__} needs a plain nn.Linear as its last layer; got "
        f"{got}. {_suggest(candidates)}"
    )


def _suggest(candidates):
    """What to do about a head that does not serve, for messages."""
    if not candidates:
        return "Add one: the method works on the input of this layer."
    return f"Name one with classifier_layer=: {candidates}."


@contextmanager
def capture_input(layer):
    """Collect the inputs of a layer while the context is open, those of all threads.

    Parameters
    ----------
    layer : torch.nn.Module
        The layer to watch.

    Yields
    ------
    inputs : list of torch.Tensor
        One tensor per call of the layer. Gradients flow through it.

    Examples
    --------
    >>> import torch
    >>> from skaug.net import MLP, capture_input
    >>> net = MLP(n_features=4, n_classes=2, hidden=(8,)).eval()
    >>> with capture_input(net.head) as inputs:
    ...     logits = net(torch.zeros(3, 4))
    >>> inputs[0].shape
    torch.Size([3, 8])
    """
    inputs = []
    handle = layer.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    try:
        yield inputs
    finally:
        handle.remove()


def check_head(module, name, X, **forward_params):
    """Check on real rows that a network's output is that of its linear head.

    Parameters
    ----------
    module : torch.nn.Module
        The network, in evaluation mode.
    name : str
        Dotted name of the head, from :func:`linear_head`.
    X : torch.Tensor
        A few rows, on the network's device.
    **forward_params
        Passed to the network.

    Returns
    -------
    logits : torch.Tensor of shape (n, n_outputs)
        The network's output.

    Raises
    ------
    ValueError
        If the head is not called exactly once, its input is not one feature vector per
        row, or its output is changed before the network returns it.
    """
    head = module.get_submodule(name)
    with capture_input(head) as inputs:
        logits = module(X, **forward_params)
    got = input_fault(inputs)
    if not isinstance(logits, torch.Tensor):
        got = f"a {type(logits).__name__}"
    elif got is None and not _agree(logits, head(inputs[0])):
        got = "an output that is not the layer's (another layer after it)"
    if got is None:
        return logits
    others = [key for key, layer in module.named_modules() if _is_plain_linear(layer)]
    advice, kind = _suggest(others), _kind_of(logits)
    if kind != "logits":
        got = f"{kind}, which are not the layer's (a softmax or log-softmax after it)"
        advice = "Let the module return logits, and take CrossEntropyLoss."
    raise ValueError(
        f"{type(module).__name__} needs to return what its last layer {name!r} makes "
        f"of one feature vector per row; got {got}. {advice}"
    )


def input_fault(inputs):
    """What is wrong with the inputs of a head in one batch, in words, or None."""
    if len(inputs) != 1:
        return f"{len(inputs)} calls of it (none if the network is compiled)"
    if inputs[0].ndim != 2:
        return f"an input of shape {tuple(inputs[0].shape)} to it"
    return None


def _kind_of(output):
    """What an output is; logits, unless it sums to 1 over its second axis."""
    is_table = isinstance(output, torch.Tensor) and output.ndim == 2
    return kind_of(output) if is_table else "logits"


def _agree(output, expected):
    return output.shape == expected.shape and output.allclose(expected, equal_nan=True)
