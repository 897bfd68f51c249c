"""Objects of known classes: the class, its state, and what a container holds.

These are what pickle would write. A file cannot say how an object is made: an object of
the class is made without arguments, and gets its state.
"""

import copyreg
from types import FunctionType

from skorch import NeuralNet

from skaug.saving.kinds import Kind, demand, shown
from skaug.saving.known import CALLED, name_of

__all__ = ["OBJECT"]

# What skorch calls the list of attributes with tensors, and the pickle of these.
TENSORS, PICKLED = "cuda_dependent_attributes_", "__cuda_dependent_attributes__"


def _write(thing, writer, *place):
    make, arguments, state, items, pairs = _described(thing, place)
    written = {
        "arguments": writer.nodes(arguments, *place),
        "state": writer.pairs(state.items(), *place),
        "items": writer.nodes(items, *place),
        "pairs": writer.pairs(pairs, *place),
    }
    filled = {name: part for name, part in written.items() if part}
    return {"type": writer.name(make, *place), **filled}


def _described(thing, place):
    """What makes an object, as for pickle: class, arguments, state and contents."""
    whole = _without_pickle(thing) if isinstance(thing, NeuralNet) else thing
    try:
        make, arguments, *rest = object.__reduce_ex__(whole, 2)
    except (TypeError, ValueError):  # as for locks and open files
        make, arguments, rest = None, (), ()
    state, items, pairs = (part or () for part in [*rest, None, None, None][:3])
    is_described = not state or isinstance(state, dict)
    if make is copyreg.__newobj__:
        make, *arguments = arguments
    elif not isinstance(make, FunctionType) or name_of(make) not in CALLED:
        is_described = False
    if not is_described:
        raise ValueError(
            "save needs objects that are described by their attributes; got a "
            f"{name_of(type(thing))} in {shown(place)}. Keep such a model with joblib."
        )
    state = dict(state)
    if isinstance(thing, NeuralNet):
        del state[PICKLED]
        state[TENSORS] = getattr(thing, TENSORS)
    return make, arguments, state, items, pairs


def _without_pickle(net):
    """Copy a net for its state; skorch pickles what it takes for tensors."""
    copy = object.__new__(type(net))
    vars(copy).update(vars(net) | {TENSORS: []})
    return copy


def _read(node, reader):
    kind, parts = reader.find(node["type"]), reader.node(node.get("arguments", []))
    if node["type"] in CALLED:
        return kind(*parts)
    demand(not parts or issubclass(kind, tuple), f"arguments of {node['type']}")
    thing = reader.keep(node, kind.__new__(kind, *parts))
    for one in reader.node(node.get("items", [])):
        thing.append(one)
    for key, one in node.get("pairs", []):
        thing[reader.node(key)] = reader.node(one)
    state = {name: reader.node(one) for name, one in node.get("state", [])}
    if isinstance(thing, NeuralNet):
        # Its own __setstate__ would read a pickle.
        vars(thing).update(state)
        thing.device = thing._check_device(thing.device, reader.device(thing.device))
    elif state and hasattr(thing, "__setstate__"):
        thing.__setstate__(state)
    elif state:
        vars(thing).update(state)
    return thing


OBJECT = Kind(lambda value: True, _write, _read, is_shared=True)
