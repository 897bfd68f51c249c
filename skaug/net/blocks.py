"""The blocks of a network, named as one sees them when the network is printed."""

from collections import Counter

from torch import nn
from torch.nn.utils import parametrize

__all__ = ["find_blocks"]

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def find_blocks(calls, head):
    """Names of the blocks before the head, and of the modules that hold blocks.

    Parameters
    ----------
    calls : Calls
        The calls of the network's modules.
    head : str
        Dotted name of the head.

    Returns
    -------
    blocks : list of str
        Modules made of several layers, in the order of calls. If a module that holds
        the head or several layers has none inside, each of its layers with a weight is
        a block, named by the last layer without a weight that follows.
    holders : list of str
        Modules that were searched for blocks inside, each before those inside it.
    """
    holders = []

    def search(parent):
        blocks, leaves, begun = [], [], False
        for key in calls.children(parent):
            if key == head:
                break
            child = calls.modules[key]
            weights = _n_weights(child)
            holds_head = head.startswith(key + ".")
            if _is_leaf(child):
                begun = begun or bool(weights)
                if len(calls.ends.get(key, [])) == 1 and begun:
                    # The layers without a weight that follow belong to this block.
                    leaves = leaves if weights else leaves[:-1]
                    leaves.append(key)
            elif holds_head or _holds_blocks(child, weights):
                if not holds_head:
                    holders.append(key)
                blocks += search(key)
            elif weights:
                blocks.append(key)
            if holds_head:
                break
        return blocks or leaves

    return search(""), holders


def _holds_blocks(module, weights):
    """Whether a module is a container of layers, or a body with stages of equal units.

    A residual unit may have containers inside too, but not two units of one class.
    """
    if isinstance(module, _CONTAINERS):
        return weights > 1
    units = Counter(
        type(member)
        for container in module.modules()
        if isinstance(container, _CONTAINERS)
        for member in container.children()
        if not _is_leaf(member) and not isinstance(member, _CONTAINERS)
    )
    return any(count > 1 for count in units.values())


def _is_leaf(module):
    # With weight normalisation, say, a layer has children: its parametrisations.
    return parametrize.is_parametrized(module) or not any(
        True for _ in module.children()
    )


def _n_weights(module):
    """Count layers with a weight of two axes or more."""
    return sum(
        any(p.ndim > 1 for p in layer.parameters())
        for layer in module.modules()
        if _is_leaf(layer) and not isinstance(layer, parametrize.ParametrizationList)
    )
