"""The ground that the methods share: a network as a scikit-learn estimator.

:class:`NetClassifier` is skorch's classifier with scikit-learn's manners, and the plain
twin of every method. The other files are what methods need of any network: its last
linear layer and the *features*, which are the input of this layer (``head``); its
*levels*, at which the network can be cut (``levels``); and splits that hold out whole
groups of rows (``splits``).
"""

from skaug.net.batches import BatchIterator
from skaug.net.classifier import NetClassifier
from skaug.net.head import capture_input, check_head, linear_head
from skaug.net.input_norm import InputNorm
from skaug.net.levels import Levels
from skaug.net.networks import MLP, ConvNet, SignalNet

__all__ = [
    "MLP",
    "BatchIterator",
    "ConvNet",
    "InputNorm",
    "Levels",
    "NetClassifier",
    "SignalNet",
    "capture_input",
    "check_head",
    "linear_head",
]
