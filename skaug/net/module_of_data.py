"""The network of a net: a given one, or the one for the shape of the data."""

import copy
import inspect

from torch import nn

from skaug.net.input_norm import InputNorm
from skaug.net.networks import MLP, ConvNet, SignalNet

__all__ = ["MakesModule"]


class MakesModule:
    """What :class:`NetClassifier` does to have a network."""

    def initialize_module(self):
        """Create the network; shapes that are not set come from the data."""
        kwargs = self.get_params_for("module")
        module = self.module
        if module is None:
            module = self._default_module()
        if isinstance(module, nn.Module):
            # Without the copy skorch would train the user's object, and a second fit
            # would go on from the first. With module__* skorch makes a new instance.
            module = module if kwargs else copy.deepcopy(module)
        else:
            kwargs = {**self._shapes_wanted_by(module), **kwargs}
        self.module_ = self.initialized_instance(module, kwargs)
        return self

    def _default_module(self):
        """Return the class of network for the shape of the data."""
        by_rank = {1: MLP, 2: SignalNet, 3: ConvNet}
        shape = getattr(self, "input_shape_", None)
        if shape is None:
            raise ValueError(
                f"{type(self).__name__} needs data to choose a network; got "
                "initialize() without data. Call fit, or set module= and its "
                "module__* shapes."
            )
        if len(shape) not in by_rank:
            raise ValueError(
                f"{type(self).__name__} needs X of shape (n, features), (n, channels, "
                f"time) or (n, channels, height, width) when module=None; got samples "
                f"of shape {shape}. Reshape X or set module=."
            )
        return by_rank[len(shape)]

    def _shapes_wanted_by(self, module):
        """Select the shapes of the data that a class or callable has arguments for."""
        if not hasattr(self, "input_shape_"):
            return {}
        shapes = {
            "n_features": self.input_shape_[0],
            "n_channels": self.input_shape_[0],
            "input_shape": self.input_shape_,
            "n_classes": len(self.classes_),
        }
        wanted = set(shapes) & set(inspect.signature(module).parameters)
        return {name: shapes[name] for name in wanted}

    def _takes_channels(self):
        """Whether the network takes channels on the second axis."""
        return self._is_default_module() or (
            not isinstance(self.module, nn.Module)
            and "n_channels" in inspect.signature(self.module).parameters
        )

    def _is_default_module(self):
        norm = getattr(self.module, "input_norm", None)
        defaults = (None, MLP, SignalNet, ConvNet)
        return self.module in defaults or isinstance(norm, InputNorm)
