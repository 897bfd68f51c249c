"""The ground that the methods share: a network as a scikit-learn estimator.

:class:`NetClassifier` is skorch's classifier with scikit-learn's manners, and the plain
twin of every method. The other files are what methods need of any network: its last
linear layer and the *features*, which are the input of this layer (``head``); its
*levels*, at which the network can be cut (``levels``); how a trained net is looked into
(``trained``); splits that hold out whole groups of rows (``splits``); the temperature
that fits confidence to rows held out (``temperature``); other shares of the classes
than those of the training rows (``priors``); and trainings that are broken off: what
Ctrl-C leaves (``interrupts``), the file that a kill leaves (``checkpoint``), and how to
go on (``resuming``). Several processes can train one network (``distributed``).
:class:`PretrainedFeatures` makes features of images with networks that others have
trained (``pretrained``): where these come from (``backbones``), how images are read
(``images``) and augmented (``views``), and where features are kept (``feature_cache``).
"""

from skaug.net.batches import BatchIterator
from skaug.net.checkpoint import EpochCheckpoint
from skaug.net.classifier import NetClassifier
from skaug.net.distributed import DistributedMixin
from skaug.net.head import capture_input, check_head, linear_head
from skaug.net.input_norm import InputNorm
from skaug.net.levels import Levels
from skaug.net.networks import MLP, ConvNet, SignalNet
from skaug.net.pretrained import PretrainedFeatures
from skaug.net.priors import PriorShift, log_prior
from skaug.net.temperature import best_temperature

__all__ = [
    "MLP",
    "BatchIterator",
    "ConvNet",
    "DistributedMixin",
    "EpochCheckpoint",
    "InputNorm",
    "Levels",
    "NetClassifier",
    "PretrainedFeatures",
    "PriorShift",
    "SignalNet",
    "best_temperature",
    "capture_input",
    "check_head",
    "linear_head",
    "log_prior",
]
