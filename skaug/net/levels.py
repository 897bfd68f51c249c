"""Cut a network at a level: compute its activations, and run the network from there.

No network is rewritten. The cut is made by hooks, each of which is removed at the end
of the call or of the context that it serves.
"""

from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.utils import parametrize

from skaug._printing import Printed
from skaug.net.head import _is_plain_linear, linear_head

__all__ = ["Levels"]

# The name of the level below all layers.
INPUT = "input"


class Levels(Printed):
    """The levels at which a network can be cut in two, checked on real rows.

    A level is the output of one module inside the network. The rest of the network must
    depend on the rows through this output alone. The rest can then run on other
    activations than those of the rows, and be trained on such activations.

    Parameters
    ----------
    module : torch.nn.Module
        The network, a function of one tensor that ends in an ``nn.Linear``. It is left
        in evaluation mode.
    rows : torch.Tensor of shape (n, ...)
        Real rows, on the network's device. At least two must differ. A few more are
        better, since a connection past a level may give 0 on some rows.
    names : sequence of str, default=None
        Dotted names of modules; ``"input"`` is the input of the network. The default is
        all blocks before the head: modules made of several layers, such as residual
        blocks or the members of a ``Sequential`` or ``ModuleList``. If there are none,
        each layer with a weight is a block, together with the activation, normalisation
        and pooling after it.
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
        If a name is unknown (the message lists the blocks), or if the network cannot be
        cut there: the module is not called exactly once, does not return a tensor, is
        bypassed by a connection, shares weights with the rest, or is followed by
        nothing trainable.

    Examples
    --------
    >>> import torch
    >>> from skaug.net import MLP, Levels
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
        # When the network runs from a level, the modules below it run on this row.
        self._template = rows[:1]
        self._sides = {}
        self._record_calls(rows)
        self.head, _ = linear_head(module, classifier_layer)
        if classifier_layer is None and self.head not in self._ends:
            called = [k for k in self._ends if _is_plain_linear(self._modules[k])]
            self.head = (called or [self.head])[-1]
        blocks = [name for name in self._blocks() if not self._obstacle(name, rows)]
        if names is None and not blocks:
            raise ValueError(
                f"{type(module).__name__} needs a block before its last linear layer "
                f"{self.head!r} at which it can be cut; got none. Name modules with "
                f"levels=: {[name for name in self._ends if name]}, or 'input'."
            )
        names = blocks if names is None else list(names)
        for name in names:
            obstacle = self._obstacle(name, rows)
            if obstacle is not None:
                raise ValueError(
                    f"{type(module).__name__} needs levels at which it can be cut; got "
                    f"{name!r}: {obstacle}. Name some of {[INPUT, *blocks]}."
                )
        # The input has no end of its own, and comes before all modules.
        self.names = sorted(set(names), key=lambda key: self._ends.get(key, [-1])[0])

    def _record_calls(self, rows):
        """Note when each module's calls begin and end, and what they return."""
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
                    # The layers without a weight that follow belong to this block.
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
        """List pairs of name and module for a module's children, in order of calls."""
        children = [
            (f"{name}.{key}" if name else key, child)
            for key, child in layer.named_children()
        ]

        def first_call(item):
            # A ModuleList is never called, but its members are.
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

    def _obstacle(self, name, rows):
        """Return why the network cannot be cut at a level, or None."""
        if name == INPUT:
            return None
        if name not in self._modules:
            return "there is no module of that name"
        ends = self._ends.get(name, [])
        if len(ends) != 1:
            return f"the module is called {len(ends)} times"
        if not issubclass(self._returns[name], torch.Tensor):
            return f"the module returns a {self._returns[name].__name__}, no tensor"
        on_both_sides = [key for key in self._modules_on_both_sides(name) if key]
        if on_both_sides:
            return f"{on_both_sides[0]!r} is used before and after it"
        if not self._keeps_rows(name, rows):
            return "the first axis of what the module returns is not that of the rows"
        if not self._resumes(name, rows):
            return (
                "its activations alone do not give the network's output (a connection "
                "goes past the level, or the forward pass looks at the input)"
            )
        below, above = self._parameters_by_side(name)
        if below & above:
            return "weights are used before and after it"
        if not above:
            return "no trainable weight comes after it"
        return None

    def _modules_on_both_sides(self, name):
        """Yield names of stateful modules that are called before and after a level."""
        (end,) = self._ends[name]
        for key, ends in self._ends.items():
            own = self._modules[key]
            stateful = own._parameters or own._buffers
            if stateful and min(ends) <= end < max(self._starts[key]):
                yield key

    def _keeps_rows(self, name, rows):
        """Whether the first axis of a level's output is that of the rows."""
        shapes = [self.output(name, rows[:n]).shape for n in (1, 2, len(rows))]
        first = [shape[:1] for shape in shapes]
        return (
            first == [(1,), (2,), (len(rows),)]
            and len(shapes[0]) > 1
            and len({shape[1:] for shape in shapes}) == 1
        )

    @torch.no_grad()
    def _resumes(self, name, rows):
        """Whether the rest gives the network's output, whatever runs below."""
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
        except (RuntimeError, ValueError, IndexError):  # The shapes do not fit.
            return False
        finally:
            self._template = kept
        return True

    def _parameters_by_side(self, name):
        """Sets of trainable parameters that act before a level, and after it."""
        if name in self._sides:
            return self._sides[name]
        parameters = [p for p in self.module.parameters() if p.requires_grad]
        if not parameters:
            return set(), set()
        sides = []
        # cuDNN refuses to differentiate a recurrent layer in evaluation mode.
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            h = self._run_until(name, self._template)
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
        """Collect the trainable parameters that act after a level, as a set."""
        if name == INPUT:
            return {p for p in self.module.parameters() if p.requires_grad}
        return self._parameters_by_side(name)[1]

    def modules_below(self, name):
        """List the modules that have finished when a level has been computed."""
        if name == INPUT:
            return []
        (end,) = self._ends[name]
        return [self._modules[k] for k, ends in self._ends.items() if max(ends) <= end]

    def _modules_around(self, name):
        """List modules with buffers of their own inside which the level is computed."""
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
        """Compute the activations of a level, in evaluation mode.

        Parameters
        ----------
        name : str
            A level.
        X : torch.Tensor of shape (n, ...)
            Rows, on the network's device.

        Returns
        -------
        h : torch.Tensor of shape (n, ...)
            The output of the level. Nothing after the level is computed.
        """
        return X if name == INPUT else self._run_until(name, X)

    def _run_until(self, name, X):
        """Run the network up to a level and return the level's output."""

        def stop(_, args, output):
            raise _Reached(output)

        self.module.eval()
        handle = self._modules[name].register_forward_hook(stop)
        try:
            self.module(X.clone())  # A module may work in place.
        except _Reached as reached:
            return reached.args[0]
        finally:
            handle.remove()

    def outputs(self, name, batches):
        """Yield the activations of a level for one batch of rows after the other."""
        for X in batches:
            yield self.output(name, X)

    def resume(self, name, h):
        """Run the rest of the network from given activations, in evaluation mode."""
        self.module.eval()
        with self.resumed(name):
            return self.module(h)

    @contextmanager
    def resumed(self, name, frozen=()):
        """Make the network itself take activations of a level in place of rows.

        Inside the context a call of the network, in a training step of skorch say, runs
        the rest of the network on the given activations. The modules below the level
        run on one row in evaluation mode, so that no batch statistics change; their
        result is dropped.

        Parameters
        ----------
        name : str
            A level.
        frozen : iterable of torch.nn.Module, default=()
            Modules of the rest that stay in evaluation mode.

        Yields
        ------
        module : torch.nn.Module
            The network. It leaves the context in evaluation mode.
        """
        in_evaluation = [*self.modules_below(name), *self._modules_around(name)]
        in_evaluation += frozen
        given = None

        def enter(_, args):
            nonlocal given
            for layer in in_evaluation:
                layer.training = False
            given = args[0].clone()  # A module may work in place.
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
    """Ends a forward pass at a level, and carries the level's activations."""


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
