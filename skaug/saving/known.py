"""The types and functions that a file may name: those that do no harm by being made."""

import sys
from importlib import import_module
from operator import attrgetter
from types import BuiltinFunctionType, FunctionType

import numpy as np
import torch
from sklearn.base import BaseEstimator
from skorch.callbacks import Callback
from torch import nn

__all__ = ["CALLED", "NAMED", "Known", "can_be_imported", "name_of"]

# Classes that a file may name, by how their names begin and by what they are. They hold
# what they are given, and do nothing else before one of their methods is called.
CALLBACKS = ("base", "lr_scheduler", "regularization", "scoring")
FAMILIES = (
    ("skaug.", object),
    ("sklearn.", BaseEstimator),
    ("sklearn.model_selection._split:", object),
    ("imblearn.", BaseEstimator),
    *((f"skorch.callbacks.{home}:", Callback) for home in CALLBACKS),
    ("torch.nn.modules.", nn.Module),
    ("torch.optim.", (torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler)),
    ("torchvision.", nn.Module),
    ("efficientnet_lite_pytorch.", object),
    ("numpy:", np.generic),
)
# Functions of rows and numbers, which touch nothing else.
FUNCTIONS = ("sklearn.metrics.", "sklearn.feature_selection.", "torch.nn.functional:")
BUILTINS = "bool dict float int list object print str tuple"
# Not among them: callbacks that read and write files, which their parameters name.
OF_TRAINING = "EarlyStopping Freezer Initializer InputShapeSetter ParamMapper Unfreezer"
SINGLE = {
    *(f"builtins:{name}" for name in BUILTINS.split()),
    *(f"skorch.callbacks.training:{name}" for name in OF_TRAINING.split()),
    "skorch.callbacks.logging:EpochTimer",
    "skorch.callbacks.logging:PrintLog",
    "skorch.callbacks.logging:ProgressBar",
    "skaug._rows:as_table",
    "skaug.comparison.methods:_known",
    "skaug.net.backbones:lite0_input",
    "sklearn.calibration:_CalibratedClassifier",
    "sklearn.compose._column_transformer:make_column_selector",
    "sklearn.metrics._scorer:_PassthroughScorer",
    "sklearn.metrics._scorer:_Scorer",
    "sklearn.utils._bunch:Bunch",
    "sklearn.utils._metadata_requests:MetadataRequest",
    "sklearn.utils._metadata_requests:MethodMetadataRequest",
    "skorch.classifier:NeuralNetClassifier",
    "skorch.dataset:Dataset",
    "skorch.dataset:ValidSplit",
    "skorch.history:History",
    "skorch.setter:optimizer_setter",
    *(
        f"skorch.utils:_indexing_{name}"
        for name in ("dict", "list_tuple_of_data", "ndframe", "none", "other")
    ),
    "skorch.utils:noop",
    "skorch.utils:to_numpy",
    "torch.utils.data.dataloader:DataLoader",
    "torchvision.transforms.functional:InterpolationMode",
}
# Functions that a file may have called: the methods of the comparison by name.
CALLED = {"skaug.comparison.methods:_known"}
NAMED = (type, FunctionType, BuiltinFunctionType, np.ufunc)


def name_of(thing):
    """Name a class or function as ``module:name``."""
    home = "numpy" if isinstance(thing, np.ufunc) else thing.__module__
    return f"{home}:{getattr(thing, '__qualname__', thing.__name__)}"


def can_be_imported(thing):
    """Whether the name of a class or function leads to it."""
    home, _, own_name = name_of(thing).partition(":")
    try:
        return attrgetter(own_name)(sys.modules[home]) is thing
    except (AttributeError, KeyError):
        return False


class Known:
    """Classes and functions by name: those that are listed here, and the user's.

    Parameters
    ----------
    types : list of type or function
        What else a file may name.
    """

    def __init__(self, types=()):
        if not isinstance(types, (list, tuple)) or not all(
            isinstance(one, NAMED) for one in types
        ):
            raise ValueError(
                "load needs types to be a list of classes and functions; got "
                f"{types!r}. Give types=[MyNetwork]."
            )
        self._given = {name_of(one): one for one in types}
        # A script has another name where it is imported.
        self._in_scripts = {
            f"__main__:{name.partition(':')[2]}": one
            for name, one in self._given.items()
        }

    def find(self, name):
        """Find what a name stands for, or None if it is not known."""
        for given in (self._given, self._in_scripts):
            if name in given:
                return given[name]
        if not _is_listed(name):
            return None
        home, _, own_name = name.partition(":")
        try:
            if home.startswith("torchvision."):
                import_module("skaug.transforms.torchvision")
            found = getattr(import_module(home), own_name, None)
        except Exception:  # whatever importing a module of another version ends with
            return None
        # A module also has the names that it imports from others.
        is_own = isinstance(found, NAMED) and name_of(found) == name
        return found if is_own and _is_allowed(found, name) else None


def _is_listed(name):
    """Whether a name may be looked up: importing a module runs the module."""
    parts = name.partition(":")[0].split(".")
    if any(part.startswith(("__", "test", "conftest")) for part in parts):
        return False
    homes = [home for home, _ in FAMILIES]
    return name in SINGLE or name.startswith((*homes, *FUNCTIONS))


def _is_allowed(found, name):
    """Whether what was found is what is looked for in its module."""
    if name in SINGLE or isinstance(found, np.ufunc):
        return True
    if isinstance(found, type):
        return name.startswith(
            tuple(f for f, kind in FAMILIES if issubclass(found, kind))
        )
    return name.startswith(FUNCTIONS)
