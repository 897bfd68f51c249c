"""Objects as trees of plain values, and trees as objects.

Numbers, texts, True, False, None and lists stand for themselves. Everything else is a
dictionary with its ``kind``. What several places refer to is written once, so that
weights that a network and its optimizer share are shared again.
"""

import math
from functools import cache
from itertools import count

from skorch.utils import get_map_location

from skaug.saving.kinds import KINDS, shown
from skaug.saving.known import can_be_imported, name_of
from skaug.saving.objects import OBJECT

__all__ = ["Reader", "Writer", "names_in"]

ALL = {**KINDS, "object": OBJECT}  # the last one takes what no other does


class Writer:
    """Writes objects as nodes of a tree, and collects their arrays.

    Attributes
    ----------
    arrays : dict
        Arrays by the place where they were found.
    """

    def __init__(self):
        self.arrays = {}
        self._written = {}
        self._numbers = count()

    def node(self, value, *place):
        """Write a value; `place` has the names of the attributes that lead to it."""
        if _is_plain(value):
            return value
        if type(value) is list:
            return self.nodes(value, *place)
        if id(value) in self._written:
            node, _ = self._written[id(value)]
            node.setdefault("id", next(self._numbers))
            return {"kind": "same", "id": node["id"]}
        name = next(name for name, kind in ALL.items() if kind.holds(value))
        node = {"kind": name}
        if ALL[name].is_shared:
            # The value is kept: another one could get its id otherwise.
            self._written[id(value)] = node, value
        node |= ALL[name].write(value, self, *place)
        return node

    def nodes(self, values, *place):
        """Write several values."""
        return [self.node(one, *place, i) for i, one in enumerate(values)]

    def pairs(self, items, *place):
        """Write keys and values."""
        return [
            [
                self.node(key, *place, f"key {i}"),
                self.node(one, *place, key if isinstance(key, str) else i),
            ]
            for i, (key, one) in enumerate(items)
        ]

    def array(self, array, *place):
        """Keep an array, and return its name."""
        name = shown(place)
        while name in self.arrays:
            name += " again"
        self.arrays[name] = array
        return name

    def name(self, thing, *place):
        """Name a class or a function so that it can be found again."""
        if not can_be_imported(thing):
            raise ValueError(
                "save needs classes and functions that can be imported by name; got "
                f"{name_of(thing)} in {shown(place)}. Define it at the top of a module."
            )
        return name_of(thing)


class Reader:
    """Reads the nodes that a :class:`Writer` wrote.

    Parameters
    ----------
    arrays : dict
        Arrays by name.
    known : Known
        Classes and functions by name.
    """

    def __init__(self, arrays, known):
        self.arrays = arrays
        self.find = known.find
        self.device = cache(get_map_location)  # a missing one is told of once
        self._read = {}

    def node(self, node):
        """Read a node, or a list of nodes."""
        if isinstance(node, list):
            return [self.node(one) for one in node]
        if not isinstance(node, dict):
            return node
        if node["kind"] == "same":
            return self._read[node["id"]]
        return self.keep(node, ALL[node["kind"]].read(node, self))

    def keep(self, node, value):
        """Let other places refer to a value, even while its parts are read."""
        if "id" in node:
            self._read[node["id"]] = value
        return value


def names_in(tree):
    """Yield the names of all classes and functions in a tree."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "type" in node:
                yield str(node["type"])
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _is_plain(value):
    if type(value) is float:
        return math.isfinite(value)  # JSON has no others
    return value is None or type(value) in (bool, int, str)
