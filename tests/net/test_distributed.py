"""What a net that several processes train is in one process, and what it refuses.

Two processes are in tests/contracts/test_clusters.py.
"""

import pickle

import pytest
import torch
from helpers import few_steps
from sklearn.base import clone
from torch import nn

from skaug import NetClassifier
from skaug.net import MLP, DistributedMixin
from skaug.net.head import bare

accelerate = pytest.importorskip(
    "accelerate", reason="needs accelerate, of the extra cluster"
)


class Net(DistributedMixin, NetClassifier):
    """A net that several processes could train."""


@few_steps
def test_one_process_trains_as_without_the_mixin(table, capsys):
    X, y = table
    net = Net(accelerator=accelerate.Accelerator(cpu=True), max_epochs=2)
    net.set_params(random_state=0, train_split=0.3)
    before = torch.get_rng_state()
    found = net.fit(X, y).predict_proba(X)
    assert torch.equal(torch.get_rng_state(), before)
    plain = NetClassifier(max_epochs=2, random_state=0, train_split=0.3).fit(X, y)
    assert (found == plain.predict_proba(X)).all()
    assert (clone(net).fit(X, y).predict_proba(X) == found).all()
    assert net.device == "cpu" and isinstance(net.module_, MLP)
    assert not capsys.readouterr().out  # at verbose=0
    loaded = pickle.loads(pickle.dumps(net))
    assert (loaded.predict_proba(X) == found).all()
    with pytest.raises(ValueError, match="needs an accelerator to train; got None"):
        loaded.fit(X, y)


def test_what_is_wrapped_is_found():
    module = nn.Linear(2, 2)
    assert bare(module) is module


@pytest.mark.parametrize(
    "module", [nn.DataParallel(nn.Linear(8, 3)), nn.DataParallel], ids=["one", "class"]
)
def test_data_parallel_is_refused(module, table):
    with pytest.raises(ValueError, match=r"got it in DataParallel.*trains it in DDP"):
        NetClassifier(module).fit(*table)
