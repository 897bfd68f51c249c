"""Find the last linear layer of a network, watch what goes into it, cut it at a level.

This is the seam between any ``torch.nn.Module`` and the methods that need its
*features* (the input of the last linear layer) and that layer's weight, or the
activations of its *levels* and the rest of the network from there. No network is
rewritten, and nothing is left on it: a hook lives for one call or one context.
"""

from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.utils import parametrize

from skaug.net.head import (
    _is_plain_linear,
    linear_head,
)

__all__ = ["Levels"]

# The name of the level below all layers.
INPUT = "input"


class Levels:
    """The levels at which a network can be cut in two, checked on real rows.

    A level is the output of one module inside the network. Through it must flow all
    that the rest of the network makes of its input: then the rest can go on from other
    activations than those of the rows, and be trained on them alone.

    Parameters
    ----------
    module : torch.nn.Module
        The network, a function of one tensor, ending in an ``nn.Linear``. It is left
        in evaluation mode.
    rows : torch.Tensor of shape (n, ...)
        Some real rows, on the network's device: two that differ at least, better a few
        more, since a connection past a level may be asleep on some.
    names : sequence of str, default=None
        Dotted names of modules; ``"input"`` is the input of the network. By default all
        blocks before the head: modules made of several layers, such as residual blocks
        or what a ``Sequential`` or ``ModuleList`` of them holds; where there are none,
        each layer with a weight together with the activation, normalisation and pooling
        behind it.
    classifier_layer : str, default=None
        Dotted name of the head, see :func:`linear_head`.

    Attributes
    ----------
    names : list of str
        The levels in the order in which they are computed.
    head : str
        Dotted name of the head.

    Raises
    ------
    ValueError
        If a name is unknown (the message lists the blocks), or the network cannot be
        cut there: the module is not called exactly once, returns something other than a
        tensor, is bypassed, shares weights with the rest, or nothing trainable comes
        after it.

    Examples
    --------
    >>> import torch
    >>> from skaug.net import Levels
    >>> from skaug.net import MLP
    >>> net, X = MLP(n_features=4, n_classes=2, hidden=(8, 6)).eval(), torch.randn(5, 4)
    >>> levels = Levels(net, X)
    >>> levels.names
    ['blocks.0', 'blocks.1']
    >>> h = levels.output("blocks.0", X)
    >>> h.shape
    torch.Size([5, 8])
    >>> bool((levels.resume("blocks.0", h) == net(X)).all())
    True
    """

    def __init__(self, module, rows, names=None, *, classifier_layer=None):
        self.module = module.eval()
        # On its way to the level this row goes along, and is dropped there.
        self._template = rows[:1]
        self._sides = {}
        self._record_calls(rows)
        self.head, _ = linear_head(module, classifier_layer)
        if classifier_layer is None and self.head not in self._ends:
            called = [k for k in self._ends if _is_plain_linear(self._modules[k])]
            self.head = (called or [self.head])[-1]
        blocks = [name for name in self._blocks() if self._problem(name, rows) is None]
        if names is None and not blocks:
            raise ValueError(
                f"{type(module).__name__} needs a block before its last linear layer "
                f"{self.head!r} at which it can be cut; got none. Name modules with "
                f"levels=: {[name for name in self._ends if name]}, or 'input'."
            )
        names = blocks if names is None else list(dict.fromkeys(names))
        for name in names:
            problem = self._problem(name, rows)
            if problem is not None:
                raise ValueError(
                    f"{type(module).__name__} needs levels at which it can be cut; got "
                    f"{name!r}: {problem}. Name some of {[INPUT, *blocks]}."
                )
        self.names = sorted(names, key=lambda name: self._ends.get(name, [-1])[0])

    def _record_calls(self, rows):
        """When each module's calls begin and end in one pass, and what they return."""
        self._modules = dict(self.module.named_modules())
        self._starts, self._ends, self._returns = {}, {}, {}
        clock = iter(range(2**63))

        def watch(name, layer):
            def before(*_):
                self._starts.setdefault(name, []).append(next(clock))

            def after(_, args, output):
                self._ends.setdefault(name, []).append(next(clock))
                self._returns[name] = type(output)

            yield layer.register_forward_pre_hook(before)
            yield layer.register_forward_hook(after)

        handles = [h for item in self._modules.items() for h in watch(*item)]
        try:
            with torch.no_grad():
                self.module(rows.clone())
        finally:
            for handle in handles:
                handle.remove()

    def _blocks(self, name="", layer=None):
        """Names of the blocks inside a module, up to the head."""
        layer = self.module if layer is None else layer
        blocks, leaves, begun = [], [], False
        for key, child in self._children(name, layer):
            if key == self.head:
                break
            weights = _n_weights(child)
            holds_head = self.head.startswith(key + ".")
            if _is_leaf(child):
                begun = begun or bool(weights)
                if len(self._ends.get(key, [])) == 1 and begun:
                    # What follows a layer with a weight belongs to its block.
                    leaves = leaves if weights else leaves[:-1]
                    leaves.append(key)
            elif holds_head or (isinstance(child, _CONTAINERS) and weights > 1):
                blocks += self._blocks(key, child)
            elif weights:
                blocks.append(key)
            if holds_head:
                break
        return blocks or leaves

    def _children(self, name, layer):
        """Names of a module's children and they themselves, in the order of calls."""
        children = [
            (f"{name}.{key}" if name else key, child)
            for key, child in layer.named_children()
        ]

        def first_call(item):
            # A ModuleList is never called, what it holds is.
            inside = [
                f"{item[0]}.{key}" if key else item[0]
                for key, _ in item[1].named_modules()
            ]
            return min(
                (self._starts[key][0] for key in inside if key in self._starts),
                default=None,
            )

        called = [item for item in children if first_call(item) is not None]
        return sorted(called, key=first_call)

    def _problem(self, name, rows):
        """Why the network cannot be cut at a level, or None."""
        if name == INPUT:
            return None
        if name not in self._modules:
            return "there is no module of that name"
        ends = self._ends.get(name, [])
        if len(ends) != 1:
            return f"the module is called {len(ends)} times"
        if not issubclass(self._returns[name], torch.Tensor):
            return f"the module returns a {self._returns[name].__name__}, no tensor"
        shared = [key for key in self._used_on_both_sides(name) if key]
        if shared:
            return f"{shared[0]!r} is used before and after it"
        if not self._has_rows(name, rows):
            return "the first axis of what the module returns is not that of the rows"
        if not self._resumes(name, rows):
            return (
                "its activations alone do not give the network's output (a connection "
                "goes past it, or the forward pass looks at the input)"
            )
        below, above = self._parameters_by_side(name)
        if below & above:
            return "weights are used before and after it"
        if not above:
            return "no trainable weight comes after it"
        return None

    def _used_on_both_sides(self, name):
        (end,) = self._ends[name]
        for key, ends in self._ends.items():
            own = self._modules[key]
            stateful = own._parameters or own._buffers
            if stateful and min(ends) <= end < max(self._starts[key]):
                yield key

    def _has_rows(self, name, rows):
        shapes = [self.output(name, rows[:n]).shape for n in (1, 2, len(rows))]
        first = [shape[:1] for shape in shapes]
        return (
            first == [(1,), (2,), (len(rows),)]
            and len(shapes[0]) > 1
            and len({shape[1:] for shape in shapes}) == 1
        )

    @torch.no_grad()
    def _resumes(self, name, rows):
        """Whether the rest gives the network's output, whatever goes along below."""
        h, expected = self.output(name, rows), self.module(rows.clone())
        scale = expected.abs().max().nan_to_num(0.0)
        kept, others = self._template, [rows[-1:], rows[len(rows) // 2 :][:1]]
        if rows.is_floating_point():
            others += [-rows[:1], rows[:1] + 1]
        try:
            for self._template in others:
                output = self.resume(name, h)
                if output.shape != expected.shape or not output.allclose(
                    expected, rtol=1e-4, atol=1e-5 * float(scale), equal_nan=True
                ):
                    return False
        except (RuntimeError, ValueError, IndexError):  # shapes that do not fit
            return False
        finally:
            self._template = kept
        return True

    def _parameters_by_side(self, name):
        """Trainable parameters that a level depends on, and those after it."""
        if name in self._sides:
            return self._sides[name]
        parameters = [p for p in self.module.parameters() if p.requires_grad]
        if not parameters:
            return set(), set()
        sides = []
        # cuDNN would refuse to go backward through a recurrent layer in this mode.
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            h = self._reach(name, self._template)
            for output in (h, self.resume(name, h.detach())):
                grads = [None] * len(parameters)
                if output.requires_grad:
                    grads = torch.autograd.grad(
                        output.sum(), parameters, allow_unused=True
                    )
                sides.append({p for p, g in zip(parameters, grads) if g is not None})
        self._sides[name] = sides
        return sides

    def parameters_above(self, name):
        """Trainable parameters of the rest of the network.

        Parameters
        ----------
        name : str
            A level.

        Returns
        -------
        parameters : set of torch.nn.Parameter
            Those that the output depends on once the level's activations are given.
        """
        if name == INPUT:
            return {p for p in self.module.parameters() if p.requires_grad}
        return self._parameters_by_side(name)[1]

    def modules_below(self, name):
        """Modules whose work is done when the level has been computed.

        Parameters
        ----------
        name : str
            A level.

        Returns
        -------
        modules : list of torch.nn.Module
            The level's own module among them.
        """
        if name == INPUT:
            return []
        (end,) = self._ends[name]
        return [self._modules[k] for k, ends in self._ends.items() if max(ends) <= end]

    def _around(self, name):
        """Modules with buffers of their own inside which the level is computed."""
        if name == INPUT:
            return []
        (end,) = self._ends[name]
        return [
            self._modules[key]
            for key, ends in self._ends.items()
            if self._modules[key]._buffers and min(self._starts[key]) < end < max(ends)
        ]

    @torch.no_grad()
    def output(self, name, X):
        """Activations of a level, in evaluation mode.

        Parameters
        ----------
        name : str
            A level.
        X : torch.Tensor of shape (n, ...)
            Rows, on the network's device.

        Returns
        -------
        h : torch.Tensor of shape (n, ...)
            What the level gives. Nothing after it is computed.
        """
        return X if name == INPUT else self._reach(name, X)

    def _reach(self, name, X):
        def stop(_, args, output):
            raise _Reached(output)

        self.module.eval()
        handle = self._modules[name].register_forward_hook(stop)
        try:
            self.module(X.clone())  # a module may work in place
        except _Reached as reached:
            return reached.args[0]
        finally:
            handle.remove()

    def outputs(self, name, batches):
        """Activations of a level, batch by batch.

        Parameters
        ----------
        name : str
            A level.
        batches : iterable of torch.Tensor
            Rows, on the network's device.

        Yields
        ------
        h : torch.Tensor of shape (batch, ...)
            Activations of one batch; no more is kept.
        """
        for X in batches:
            yield self.output(name, X)

    def resume(self, name, h):
        """Run the rest of the network from given activations.

        Parameters
        ----------
        name : str
            A level.
        h : torch.Tensor of shape (n, ...)
            Activations like those of :meth:`output`.

        Returns
        -------
        output : torch.Tensor of shape (n, n_outputs)
            The network's output, in evaluation mode.
        """
        self.module.eval()
        with self.resumed(name):
            return self.module(h)

    @contextmanager
    def resumed(self, name, frozen=()):
        """Make the network itself take activations of a level in place of rows.

        Whatever calls the network inside the context, a training step of skorch say,
        runs the rest from the level only. Below it, one row is sent through in
        evaluation mode and dropped, so that no batch statistics change.

        Parameters
        ----------
        name : str
            A level.
        frozen : iterable of torch.nn.Module, default=()
            Modules of the rest to be kept in evaluation mode.

        Yields
        ------
        module : torch.nn.Module
            The network. It leaves the context in evaluation mode.
        """
        still = [*self.modules_below(name), *self._around(name), *frozen]
        given = None

        def enter(_, args):
            nonlocal given
            for layer in still:
                layer.training = False
            given = args[0].clone()  # a module may work in place
            first = given if name == INPUT else self._template.clone()
            return first, *args[1:]

        handles = [self.module.register_forward_pre_hook(enter)]
        if name != INPUT:
            replace = self._modules[name].register_forward_hook(lambda *_: given)
            handles.append(replace)
        try:
            yield self.module
        finally:
            for handle in handles:
                handle.remove()
            self.module.eval()


_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


class _Reached(Exception):
    """Leaves a forward pass at a level, with its activations."""


def _is_leaf(module):
    # The children of a layer with weight norm or the like are its parametrisations.
    return parametrize.is_parametrized(module) or not any(
        True for _ in module.children()
    )


def _n_weights(module):
    """Number of layers with a weight of two axes or more."""
    return sum(
        any(p.ndim > 1 for p in layer.parameters())
        for layer in module.modules()
        if _is_leaf(layer) and not isinstance(layer, parametrize.ParametrizationList)
    )
