"""A fitted net beside itself: hooks of one are none of the other.

Threads may predict with a net while another one looks into its network. Hooks on the
network itself would act on their predictions as well.
"""

import copy

__all__ = ["apart"]


def apart(net, name=None):
    """Copy a net of skorch such that hooks on the copy's network are its own.

    Parameters
    ----------
    net : skorch.NeuralNet
        A fitted net.
    name : str, default=None
        Dotted name of the only module that gets hooks; by default, all modules may.

    Returns
    -------
    net : skorch.NeuralNet
        A copy that shares all tensors with the net, so that it takes next to no memory.
        With `name`, it shares all modules too, except those on the way to that one.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import NetClassifier
    >>> from skaug.net.apart import apart
    >>> net = NetClassifier(max_epochs=1).fit(*load_iris(return_X_y=True))
    >>> other = apart(net)
    >>> other.module_.head is net.module_.head
    False
    >>> other.module_.head.weight is net.module_.head.weight
    True
    """
    module = net.module_
    shared = [*module.parameters(), *module.buffers()]
    if name is not None:
        way = {module.get_submodule(name[:end]) for end in _ends(name)}
        shared += [layer for layer in module.modules() if layer not in way]
    new = object.__new__(type(net))
    vars(new).update(vars(net))
    # Whatever a copy is to share with its original stands for itself.
    vars(new)["module_"] = copy.deepcopy(module, {id(one): one for one in shared})
    return new


def _ends(name):
    """Where the names of the modules end that a dotted name leads through."""
    return [0, *(i for i, sign in enumerate(name) if sign == "."), len(name)]
