"""The ground that the methods share: a network as a scikit-learn estimator.

:class:`NetClassifier` is skorch's classifier with scikit-learn's manners, and the plain
twin of every method. The other files are what methods need of any network: its last
linear layer and the *features* that go into it (``head``), its *levels*, at which it
can be cut (``levels``), and rows held out with whole groups (``splits``).
"""

from skaug.net.batches import BatchIterator
from skaug.net.classifier import NetClassifier
from skaug.net.head import capture_input, check_head, linear_head
from skaug.net.levels import Levels
from skaug.net.networks import MLP, ConvNet, SignalNet
from skaug.net.splits import all_splits, hold_out

__all__ = [
    "MLP",
    "BatchIterator",
    "ConvNet",
    "Levels",
    "NetClassifier",
    "SignalNet",
    "all_splits",
    "capture_input",
    "check_head",
    "hold_out",
    "linear_head",
]
