"""Check on real rows that a network can be cut at a level, in a few passes for all.

Let the network run from level j, with other rows below, and give its output. If it runs
from a lower level i, with other rows below, and gives the activations of level j bit
for bit, it gives its output too: the part above j need not run again. So the levels are
checked from the highest to the lowest, each up to the next that can be cut. What comes
before and after a level in the graph of gradients is read off one pass for all levels.

The activations of all levels are held at once: less than in a training step on the same
rows.
"""

import torch

from skaug.net.calls import Calls, outputs_of, standing_in

__all__ = ["INPUT", "CutCheck", "Reached"]

# The name of the level below all layers.
INPUT = "input"

# Numbers in the rows that a cut is checked on, if there are so many: an image shows at
# each of its places whether a connection goes past a level.
ENOUGH = 2**16

NOT_OF_ROWS = "the first axis of what the module returns is not that of the rows"
NOT_ALONE = (
    "its activations alone do not give the network's output (a connection goes past "
    "the level, or the forward pass looks at the input)"
)


class Reached(Exception):
    """Ends a forward pass at a level, and carries the level's activations."""


class CutCheck:
    """Tells at which modules a network can be cut, and why not at others.

    Parameters
    ----------
    module : torch.nn.Module
        The network, in evaluation mode.
    rows : torch.Tensor of shape (n, ...)
        Real rows. If they are large, a few of them are enough.

    Attributes
    ----------
    calls : Calls
        The calls of the network's modules.
    """

    def __init__(self, module, rows):
        self.module = module
        self.rows = _enough(rows)
        self.template = rows[:1]
        self.calls = Calls(module, self.rows)
        self._others = [rows[-1:], rows[len(rows) // 2 :][:1]]
        if rows.is_floating_point():
            self._others += [-rows[:1], rows[:1] + 1]
        self._found, self._sides = {INPUT: None}, {}

    def obstacles(self, names):
        """Why the network cannot be cut at each of some levels; None where it can."""
        new = [name for name in dict.fromkeys(names) if name not in self._found]
        self._found.update({name: self._obstacle_of_calls(name) for name in new})
        new = [name for name in new if self._found[name] is None]
        if new:
            self._found.update(self._obstacles_of_values(new))
        new = [name for name in new if self._found[name] is None]
        for name, (below, above) in self.parameters_by_side(new).items():
            if below & above:
                self._found[name] = "weights are used before and after it"
            elif not above:
                self._found[name] = "no trainable weight comes after it"
        return {name: self._found[name] for name in names}

    def _obstacle_of_calls(self, name):
        """Why the calls of modules exclude a cut, or None."""
        calls = self.calls
        if name not in calls.modules:
            return "there is no module of that name"
        n_calls = len(calls.ends.get(name, []))
        if n_calls != 1:
            return f"the module is called {n_calls} times"
        if not issubclass(calls.returns[name], torch.Tensor):
            return f"the module returns a {calls.returns[name].__name__}, no tensor"
        on_both_sides = next(calls.on_both_sides(name), None)
        if on_both_sides is not None:
            return f"{on_both_sides!r} is used before and after it"
        return None

    def _obstacles_of_values(self, names):
        """Why the activations of levels exclude a cut, for those where they do."""
        skipped = {name: self.calls.to_skip(name) for name in names}
        read = {key for keys in skipped.values() for key in keys if keys[key]}
        h = outputs_of(self.module, names, self.rows)
        two = (
            h if len(self.rows) == 2 else outputs_of(self.module, names, self.rows[:2])
        )
        # All that other rows give below each level, from one pass of each.
        others = [outputs_of(self.module, read | set(names), r) for r in self._others]
        obstacles, goal = {}, None
        for name in sorted(names, key=self.calls.end, reverse=True):
            sizes = [outputs.get(name) for outputs in (others[0], two, h)]
            stands = [
                {
                    key: of_row.get(key) if skipped[name][key] else None
                    for key in skipped[name]
                }
                for of_row in others
            ]
            if not _keeps_rows(sizes, len(self.rows)):
                obstacles[name] = NOT_OF_ROWS
            elif all(name in of_row for of_row in others) and all(
                self._gives(row, outputs, (name, h[name]), (goal, h.get(goal)))
                for row, outputs in zip(self._others, stands)
            ):
                goal = name
            else:
                obstacles[name] = NOT_ALONE
        return obstacles

    @torch.no_grad()
    def _gives(self, row, outputs, level, goal):
        """Whether the network gives its output from a level, with another row below.

        Parameters
        ----------
        row : torch.Tensor of shape (1, ...)
            The row.
        outputs : dict of str to torch.Tensor or None
            What the modules below the level return, for :func:`standing_in`.
        level, goal : tuple of str and torch.Tensor of shape (n, ...)
            Names and activations. The output follows from those of the goal; its name
            is None if there is no goal.
        """

        def stop(_, args, h):
            if torch.equal(h, goal[1]):
                raise Reached

        modules, expected = self.calls.modules, self.calls.output
        given = level[1].clone()  # A module may work in place.
        handles = [modules[level[0]].register_forward_hook(lambda *_: given)]
        if goal[0] is not None:
            handles.append(modules[goal[0]].register_forward_hook(stop))
        try:
            with standing_in(modules, outputs):
                output = self.module(row.clone())
        except Reached:
            return True
        except (RuntimeError, ValueError, IndexError):  # The shapes do not fit.
            return False
        finally:
            for handle in handles:
                handle.remove()
        scale = float(expected.abs().max().nan_to_num(0.0))
        return output.shape == expected.shape and output.allclose(
            expected, rtol=1e-4, atol=1e-5 * scale, equal_nan=True
        )

    def parameters_by_side(self, names):
        """Map levels to the trainable parameters before each and after it, as sets."""
        new = [name for name in names if name not in self._sides]
        nodes, handles = {}, []

        def mark(name):
            def hook(_, args, output):
                # A copy has a node of its own, also after a step in place.
                copy = output.clone()
                nodes[name] = copy.grad_fn
                return copy

            return self.calls.modules[name].register_forward_hook(hook)

        try:
            handles += [mark(name) for name in new]
            if new:
                self.module.eval()
                with torch.enable_grad():
                    output = self.module(self.template.clone())
        finally:
            for handle in handles:
                handle.remove()
        trainable = {p for p in self.module.parameters() if p.requires_grad}
        for name in new:
            above = _parameters_behind(output.grad_fn, nodes[name])
            below = _parameters_behind(nodes[name])
            self._sides[name] = below & trainable, above & trainable
        return {name: self._sides[name] for name in names}


def _keeps_rows(activations, n_rows):
    """Whether the first axis of activations of 1, 2 and n rows is that of the rows."""
    shapes = [() if h is None else h.shape for h in activations]
    return (
        [shape[:1] for shape in shapes] == [(1,), (2,), (n_rows,)]
        and len(shapes[0]) > 1
        and len({shape[1:] for shape in shapes}) == 1
    )


def _enough(rows):
    """All rows or, if they are large, the first and a few that differ from it."""
    n_rows = max(2, ENOUGH // max(rows[:1].numel(), 1))
    if len(rows) <= n_rows:
        return rows
    differs = (rows != rows[:1]).flatten(1).any(1)
    differs[0] = True
    return rows[differs.sort(descending=True, stable=True).indices[:n_rows]]


def _parameters_behind(node, end=None):
    """Leaves of the graph of gradients behind a node, without those behind an end."""
    leaves, seen, nodes = set(), {None, end}, [node]
    while nodes:
        node = nodes.pop()
        if node not in seen:
            seen.add(node)
            nodes += [behind for behind, _ in node.next_functions]
            if hasattr(node, "variable"):
                leaves.add(node.variable)
    return leaves
