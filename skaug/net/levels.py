"""Cut a network at a level: compute its activations, and run the network from there.

No network is rewritten. The cut is made by hooks, and by results that stand in for
modules below a level. All are removed at the end of the call or of the context that
they serve.
"""

from contextlib import ExitStack, contextmanager

import torch

from skaug._printing import Printed
from skaug.net.blocks import find_blocks
from skaug.net.calls import standing_in
from skaug.net.cuts import INPUT, CutCheck, Reached
from skaug.net.head import _is_plain_linear, linear_head

__all__ = ["Levels"]


class Levels(Printed):
    """The levels at which a network can be cut in two, checked on real rows.

    A level is the output of one module inside the network. The rest of the network must
    depend on the rows through this output alone. The rest can then run on other
    activations than those of the rows, and be trained on such activations.

    The cuts are made on the network itself. Other threads must not use it meanwhile.

    Parameters
    ----------
    module : torch.nn.Module
        The network, a function of one tensor that ends in an ``nn.Linear``. It is left
        in evaluation mode.
    rows : torch.Tensor of shape (n, ...)
        Real rows, on the network's device. At least two must differ. A few more are
        better, since a connection past a level may give 0 on some rows. Of large rows
        only as many are used as have 65,536 numbers together, or two.
    names : sequence of str, default=None
        Dotted names of modules; ``"input"`` is the input of the network. The default is
        all blocks before the head at which the network can be cut: modules made of
        several layers, such as residual units, transitions and a stem that is a module.
        Loose layers beside blocks, such as the stem of torchvision's ResNet, are none,
        but can be named. Where no part of a container can be cut, as in the dense
        blocks of torchvision's DenseNet, the container is the block. Where a container
        has loose layers only, as in a VGG, each layer with a weight is a block,
        together with the activation, normalisation and pooling after it.
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
        self._check = CutCheck(self.module, rows)
        self._calls = self._check.calls
        if not isinstance(self._calls.output, torch.Tensor):
            raise ValueError(
                f"{type(module).__name__} needs to return one tensor; got a "
                f"{type(self._calls.output).__name__}. Wrap it in a module that "
                "returns the logits."
            )
        self.head, _ = linear_head(module, classifier_layer)
        ends = self._calls.ends
        if classifier_layer is None and self.head not in ends:
            called = [k for k in ends if _is_plain_linear(self._calls.modules[k])]
            self.head = (called or [self.head])[-1]
        if names is None:
            names = self._blocks()
            if not names:
                raise ValueError(
                    f"{type(module).__name__} needs a block before its last linear "
                    f"layer {self.head!r} at which it can be cut; got none. Name "
                    f"modules with levels=: {[key for key in ends if key]}, or 'input'."
                )
        names = list(names)
        for name, obstacle in self._check.obstacles(names).items():
            if obstacle is not None:
                raise ValueError(
                    f"{type(module).__name__} needs levels at which it can be cut; got "
                    f"{name!r}: {obstacle}. Name some of {[INPUT, *self._blocks()]}."
                )
        # The input has no end of its own, and comes before all modules.
        self.names = sorted(set(names), key=lambda name: ends.get(name, [-1])[0])

    def _blocks(self):
        """Names of the blocks at which the network can be cut."""
        blocks, holders = find_blocks(self._calls, self.head)
        obstacles = self._check.obstacles(blocks + holders)
        cut = [name for name in blocks if obstacles[name] is None]
        # Inside a dense block, say, every layer is bypassed: the block is the level.
        for holder in reversed(holders):
            inside = any(name.startswith(holder + ".") for name in cut)
            if not inside and obstacles[holder] is None:
                cut.append(holder)
        return sorted(cut, key=self._calls.end)

    def parameters_above(self, name):
        """Collect the trainable parameters that act after a level, as a set."""
        if name == INPUT:
            return {p for p in self.module.parameters() if p.requires_grad}
        return self._check.parameters_by_side([name])[name][1]

    def modules_below(self, name):
        """List the modules that have finished when a level has been computed."""
        if name == INPUT:
            return []
        return [self._calls.modules[key] for key in self._calls.below(name)]

    def _modules_around(self, name):
        """List modules with buffers of their own inside which the level is computed."""
        if name == INPUT:
            return []
        around = [self._calls.modules[key] for key in self._calls.around(name)]
        return [module for module in around if module._buffers]

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
            raise Reached(output)

        self.module.eval()
        handle = self._calls.modules[name].register_forward_hook(stop)
        try:
            self.module(X.clone())  # A module may work in place.
        except Reached as reached:
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
        the rest of the network on the given activations. In the first call the modules
        below the level run on one row in evaluation mode, so that no batch statistics
        change; what they return stands in for them in later calls, so that these cost
        no more than the rest of the network.

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

        with ExitStack() as stack:
            handle = self.module.register_forward_pre_hook(enter)
            stack.callback(handle.remove)
            stack.callback(self.module.eval)
            if name != INPUT:
                stack.enter_context(self._skipped_after_one_call(name))
                level = self._calls.modules[name]
                handle = level.register_forward_hook(lambda *_: given)
                stack.callback(handle.remove)
            yield self.module

    @contextmanager
    def _skipped_after_one_call(self, name):
        """Let the modules up to a level run once, and return the same from then on."""
        skipped, modules = self._calls.to_skip(name), self._calls.modules
        outputs, handles = {}, []

        def keep(key):
            def hook(_, args, output):
                outputs[key] = output.detach().clone() if skipped[key] else None

            return modules[key].register_forward_hook(hook)

        def skip(*_):
            # Tensors of inference mode cannot be used in a training step.
            if set(outputs) == set(skipped) and not torch.is_inference_mode_enabled():
                remove()
                stack.enter_context(standing_in(modules, outputs))

        def remove():
            for handle in handles:
                handle.remove()

        with ExitStack() as stack:
            stack.callback(remove)
            handles += [keep(key) for key in skipped]
            handles.append(modules[name].register_forward_hook(skip))
            yield
