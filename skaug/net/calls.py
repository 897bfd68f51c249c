"""Which modules of a network are called, when, and which can be skipped below a level.

A level is the output of a module, which is given by its dotted name.
"""

from contextlib import contextmanager

import torch
from torch import nn

__all__ = ["Calls", "outputs_of", "standing_in"]


class Calls:
    """The calls of a network's modules on some rows.

    Parameters
    ----------
    module : torch.nn.Module
        The network, in evaluation mode.
    rows : torch.Tensor of shape (n, ...)
        Rows.

    Attributes
    ----------
    modules : dict of str to torch.nn.Module
        All modules by their dotted names.
    starts, ends : dict of str to list of int
        When the calls of a module begin and end, on a clock that ticks at each of them.
        Modules that are not called have no entry.
    returns : dict of str to type
        What the last call of a module returns.
    output : object
        What the network returns.
    """

    def __init__(self, module, rows):
        self.modules = dict(module.named_modules())
        self.starts, self.ends, self.returns = {}, {}, {}
        clock = iter(range(2**63))

        def watch(name, layer):
            def before(*_):
                self.starts.setdefault(name, []).append(next(clock))

            def after(_, args, output):
                self.ends.setdefault(name, []).append(next(clock))
                self.returns[name] = type(output)

            yield layer.register_forward_pre_hook(before)
            yield layer.register_forward_hook(after)

        handles = [h for item in self.modules.items() for h in watch(*item)]
        try:
            with torch.no_grad():
                self.output = module(rows.clone())  # A module may work in place.
        finally:
            for handle in handles:
                handle.remove()
        self._first = self._first_calls()

    def _first_calls(self):
        """When the first call of each module, or of a module inside it, begins."""
        first = {}
        for name, (start, *_) in self.starts.items():
            # A ModuleList is never called, but its members are.
            while name:
                first[name] = min(start, first.get(name, start))
                name = name.rpartition(".")[0]
        return first

    def children(self, name):
        """List the names of a module's children in the order of their first calls."""
        children = [
            f"{name}.{key}" if name else key
            for key, _ in self.modules[name].named_children()
        ]
        return sorted(
            (child for child in children if child in self._first),
            key=self._first.get,
        )

    def end(self, name):
        """When the only call of a module ends."""
        (end,) = self.ends[name]
        return end

    def below(self, name):
        """Names of the modules that have finished when a level has been computed."""
        end = self.end(name)
        return [key for key, ends in self.ends.items() if max(ends) <= end]

    def around(self, name):
        """Names of the modules inside which a level is computed."""
        end = self.end(name)
        return [
            key
            for key, ends in self.ends.items()
            if min(self.starts[key]) < end < max(ends)
        ]

    def on_both_sides(self, name):
        """Names of modules with a state that are called before and after a level."""
        end = self.end(name)
        for key, ends in self.ends.items():
            own = self.modules[key]
            stateful = own._parameters or own._buffers
            if key and stateful and min(ends) <= end < max(self.starts[key]):
                yield key

    def to_skip(self, name):
        """Modules that need not run when the activations of a level are given.

        Parameters
        ----------
        name : str
            The level.

        Returns
        -------
        skipped : dict of str to bool
            The largest modules below the level, and whether code other than that of
            modules skipped may read what they return. Nothing reads the members of a
            Sequential but the next one.
        """
        skipped, end = {}, self.end(name)

        def visit(parent):
            children = self.children(parent)
            once = [child for child in children if len(self.ends.get(child, [])) == 1]
            forward = type(self.modules[parent]).forward
            # Code may go through a Sequential itself, without calling it.
            is_chain = forward is nn.Sequential.forward and parent in self.ends
            is_chain = is_chain and once == children
            done = {
                child
                for child in once
                if self.end(child) <= end
                and issubclass(self.returns[child], torch.Tensor)
            }
            for child, following in zip(children, [*children[1:], None]):
                if child in done:
                    ignored = child == name or (is_chain and following in done)
                    skipped[child] = not ignored
                elif self._first[child] < end:
                    visit(child)

        visit("")
        return skipped


@torch.no_grad()
def outputs_of(module, names, X):
    """Run a network on rows; copies of what some modules return, as far as it comes."""
    outputs = {}

    def keep(name):
        return lambda _, args, output: outputs.update({name: output.clone()})

    modules = dict(module.named_modules())
    handles = [modules[name].register_forward_hook(keep(name)) for name in names]
    try:
        module(X.clone())
    except (RuntimeError, ValueError, IndexError):  # Not all rows suit a network.
        pass
    finally:
        for handle in handles:
            handle.remove()
    return outputs


@contextmanager
def standing_in(modules, outputs):
    """Let modules return what is given instead of running.

    Parameters
    ----------
    modules : dict of str to torch.nn.Module
        The modules by name.
    outputs : dict of str to torch.Tensor or None
        What each of some modules returns a copy of; None stands for its input.
    """
    owns = [vars(modules[name]) for name in outputs]
    kept = [own.get("forward") for own in owns]
    for own, output in zip(owns, outputs.values()):
        own["forward"] = _input if output is None else _Copies(output)
    try:
        yield
    finally:
        for own, before in zip(owns, kept):
            if before is None:
                del own["forward"]
            else:
                own["forward"] = before


def _input(*args, **kwargs):
    return args[0] if args else None


class _Copies:
    """Returns a copy of a tensor, since what comes next may work in place."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __call__(self, *args, **kwargs):
        return self.tensor.clone()
