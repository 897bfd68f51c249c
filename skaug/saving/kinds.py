"""Values with a form of their own: arrays, data types, random generators and the like.

Each kind says which values it holds, how one is written as the fields of a node, and
how it is read from them.
"""

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np
import torch
from numpy.lib.format import descr_to_dtype, dtype_to_descr
from torch import nn

from skaug.saving.known import NAMED

__all__ = ["KINDS", "Kind", "demand", "shown"]

# What safetensors has for arrays, in the order of bytes of this machine.
PLAIN = {"bool", "float16", "float32", "float64"}
PLAIN |= {f"{sign}int{size}" for sign in ("", "u") for size in (8, 16, 32, 64)}
FEW = 2**16  # bytes of texts that are written as such; a short file cannot fill memory
UNKNOWN_TO_NUMPY = {
    torch.bfloat16: torch.int16,
    torch.float8_e4m3fn: torch.int8,
    torch.float8_e5m2: torch.int8,
}
BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")


class Kind(NamedTuple):
    """How values of a kind are written and read."""

    holds: Callable
    write: Callable
    read: Callable
    is_shared: bool = False


def demand(condition, otherwise):
    """Refuse a file unless a condition holds; ``load`` says which file has what."""
    if not condition:
        raise ValueError(otherwise)


def shown(place):
    """Write where something is, as the attributes that lead to it."""
    return ".".join(map(str, place)) or "model"


def _is(kind):
    return lambda value: type(value) is kind


def _collection(kind):
    """Kind of containers that are made from a list of their values."""
    return Kind(
        _is(kind),
        lambda value, writer, *place: {"values": writer.nodes(value, *place)},
        lambda node, reader: kind(reader.node(node["values"])),
    )


def _made_of(kind, names):
    """Kind of values that are made from a few attributes."""
    return Kind(
        _is(kind),
        lambda value, writer, *place: {
            "values": [writer.node(getattr(value, name), *place) for name in names]
        },
        lambda node, reader: kind(*reader.node(node["values"])),
    )


def _of_text(holds, write, read):
    """Kind of values that a text says all of."""
    return Kind(
        holds,
        lambda value, writer, *place: {"value": write(value)},
        lambda node, reader: read(node["value"]),
    )


# Dictionaries keep their order. Their values may refer to them.


def _mapping(kind):
    def read(node, reader):
        made = reader.keep(node, kind())
        for key, value in node["pairs"]:
            made[reader.node(key)] = reader.node(value)
        return made

    def write(value, writer, *place):
        return {"pairs": writer.pairs(value.items(), *place)}

    return Kind(_is(kind), write, read, is_shared=True)


def _write_defaults(value, writer, *place):
    factory = writer.node(value.default_factory, *place)
    return {"factory": factory, "pairs": writer.pairs(value.items(), *place)}


def _read_defaults(node, reader):
    made = reader.keep(node, defaultdict(reader.node(node["factory"])))
    for key, value in node["pairs"]:
        made[reader.node(key)] = reader.node(value)
    return made


# Arrays keep the order of their axes in memory, because sums depend on it.


def _in_memory_order(array):
    """A contiguous copy, and the order of axes that it has if it is another one."""
    axes = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    array = np.array(array.transpose(axes), order="C")
    return array, {} if axes == sorted(axes) else {"axes": axes}


def _write_array(array, writer, *place):
    if array.dtype.hasobject or (array.dtype.kind == "U" and array.nbytes <= FEW):
        values = writer.nodes(array.ravel().tolist(), *place)
        dtype = writer.node(array.dtype, *place)
        return {"dtype": dtype, "shape": list(array.shape), "values": values}
    array, axes = _in_memory_order(np.asarray(array))
    fields = {}
    if array.dtype.name not in PLAIN or not array.dtype.isnative:
        dtype = writer.node(array.dtype, *place)
        fields = {"dtype": dtype, "shape": list(array.shape)}
        array = array.reshape(-1).view(np.uint8)
    return {"data": writer.array(array, *place), **axes, **fields}


def _read_array(node, reader):
    if "values" in node:
        return _read_values(node, reader)
    # torch and NumPy align what they make themselves, which decides how sums are made.
    array = np.array(reader.arrays[node["data"]])
    if "dtype" in node:
        array = array.view(reader.node(node["dtype"])).reshape(node["shape"])
    return array.transpose(np.argsort(node["axes"])) if "axes" in node else array


def _read_values(node, reader):
    """Read an array of texts or objects."""
    values, dtype = reader.node(node["values"]), reader.node(node["dtype"])
    is_text = dtype.kind == "U" and len(values) * dtype.itemsize <= FEW
    demand(is_text or dtype == np.dtype("O"), f"{len(values)} values of type {dtype}")
    array = np.empty(len(values), dtype)
    for i, value in enumerate(values):
        array[i] = value
    return array.reshape(node["shape"])


def _write_masked(array, writer, *place):
    parts = {"data": array.data, "mask": array.mask, "fill": array.fill_value}
    return {name: writer.node(part, *place, name) for name, part in parts.items()}


def _read_masked(node, reader):
    data, mask, fill = (reader.node(node[name]) for name in ("data", "mask", "fill"))
    return np.ma.MaskedArray(data, mask, fill_value=fill)


def _write_scalar(value, writer, *place):
    if value.dtype.kind == "U" or value.dtype.name in PLAIN:
        return {"type": writer.name(type(value)), "value": writer.node(value.item())}
    return {"array": writer.node(np.asarray(value), *place)}


def _read_scalar(node, reader):
    if "array" in node:
        return reader.node(node["array"])[()]
    kind = reader.find(node["type"])
    demand(issubclass(kind, (np.number, np.bool_, np.str_)), f"a {node['type']}")
    return kind(reader.node(node["value"]))


def _write_tensor(tensor, writer, *place):
    is_plain = type(tensor) in (torch.Tensor, nn.Parameter)
    if not is_plain or tensor.layout != torch.strided:
        raise ValueError(
            f"save needs dense tensors; got a {type(tensor).__name__} of layout "
            f"{tensor.layout} in {shown(place)}. Convert it first."
        )
    values = tensor.detach().cpu()
    if tensor.dtype in UNKNOWN_TO_NUMPY:
        values = values.view(UNKNOWN_TO_NUMPY[tensor.dtype])
    return {
        **_write_array(values.numpy(), writer, *place),
        "of": str(tensor.dtype).removeprefix("torch."),
        "device": str(tensor.device),
        "is_parameter": isinstance(tensor, nn.Parameter),
        "requires_grad": tensor.requires_grad and tensor.is_leaf,
    }


def _read_tensor(node, reader):
    # The tensor gets memory of torch's own, which is aligned in another way.
    tensor = torch.from_numpy(_read_array(node, reader)).clone()
    tensor = tensor.view(_torch_dtype(node["of"])).to(reader.device(node["device"]))
    if node["is_parameter"]:
        return nn.Parameter(tensor, requires_grad=node["requires_grad"])
    return tensor.requires_grad_(node["requires_grad"])


def _torch_dtype(name):
    dtype = getattr(torch, name)
    demand(isinstance(dtype, torch.dtype), f"a data type {name}")
    return dtype


# Random generators go on where they were.


def _write_random_state(value, writer, *place):
    return {"state": writer.node(value.get_state(legacy=False), *place)}


def _read_random_state(node, reader):
    state = reader.node(node["state"])
    made = np.random.RandomState(_bit_generator(state))
    made.set_state(state)
    return made


def _write_generator(value, writer, *place):
    return {"state": writer.node(value.bit_generator.state, *place)}


def _read_generator(node, reader):
    state = reader.node(node["state"])
    bits = _bit_generator(state)
    bits.state = state
    return np.random.Generator(bits)


def _bit_generator(state):
    """Make a bit generator for a state, which NumPy does not check in full."""
    name = state["bit_generator"]
    place = state["state"].get("pos", 0)
    demand(name in BIT_GENERATORS and 0 <= place <= 624, f"a state of {name}")
    return getattr(np.random, name)(0)


def _write_torch_generator(value, writer, *place):
    return {
        "device": str(value.device),
        "state": writer.node(value.get_state(), *place),
    }


def _read_torch_generator(node, reader):
    generator = torch.Generator(torch.device(node["device"]))
    return generator.set_state(reader.node(node["state"]))


# Classes, functions, and what is made of them and a few values.


def _write_partial(value, writer, *place):
    parts = [value.func, value.args, value.keywords]
    return {"parts": writer.nodes(parts, *place)}


def _read_partial(node, reader):
    function, arguments, keywords = reader.node(node["parts"])
    return partial(function, *arguments, **keywords)


def _write_choice(value, writer, *place):
    return {"type": writer.name(type(value), *place), "name": value.name}


def _read_choice(node, reader):
    kind = reader.find(node["type"])
    demand(issubclass(kind, Enum), f"choices of {node['type']}")
    return kind[node["name"]]


KINDS = {
    "float": _of_text(_is(float), str, float),
    "complex": _of_text(_is(complex), str, complex),
    "bytes": _of_text(_is(bytes), bytes.hex, bytes.fromhex),
    "path": _of_text(lambda value: isinstance(value, PurePath), str, Path),
    "device": _of_text(_is(torch.device), str, torch.device),
    "torch dtype": _of_text(
        _is(torch.dtype), lambda dtype: str(dtype).removeprefix("torch."), _torch_dtype
    ),
    "tuple": _collection(tuple),
    "set": _collection(set),
    "frozenset": _collection(frozenset),
    "size": _collection(torch.Size),
    "slice": _made_of(slice, ("start", "stop", "step")),
    "range": _made_of(range, ("start", "stop", "step")),
    "dict": _mapping(dict),
    "ordered dict": _mapping(OrderedDict),
    "counter": _mapping(Counter),  # the milestones of torch's MultiStepLR
    "default dict": Kind(
        _is(defaultdict), _write_defaults, _read_defaults, is_shared=True
    ),
    "array": Kind(
        lambda value: type(value) in (np.ndarray, np.memmap),
        _write_array,
        _read_array,
        is_shared=True,
    ),
    "masked array": Kind(_is(np.ma.MaskedArray), _write_masked, _read_masked),
    "scalar": Kind(
        lambda value: isinstance(value, np.generic), _write_scalar, _read_scalar
    ),
    "dtype": Kind(
        lambda value: isinstance(value, np.dtype),
        lambda value, writer, *place: {"value": writer.node(dtype_to_descr(value))},
        lambda node, reader: descr_to_dtype(reader.node(node["value"])),
    ),
    "tensor": Kind(
        lambda value: isinstance(value, torch.Tensor),
        _write_tensor,
        _read_tensor,
        is_shared=True,
    ),
    "random state": Kind(
        _is(np.random.RandomState),
        _write_random_state,
        _read_random_state,
        is_shared=True,
    ),
    "generator": Kind(
        _is(np.random.Generator), _write_generator, _read_generator, is_shared=True
    ),
    "torch generator": Kind(
        _is(torch.Generator),
        _write_torch_generator,
        _read_torch_generator,
        is_shared=True,
    ),
    "name": Kind(
        lambda value: isinstance(value, NAMED),
        lambda value, writer, *place: {"type": writer.name(value, *place)},
        lambda node, reader: reader.find(node["type"]),
    ),
    "partial": Kind(_is(partial), _write_partial, _read_partial),
    "choice": Kind(lambda value: isinstance(value, Enum), _write_choice, _read_choice),
}
