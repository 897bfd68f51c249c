"""Objects as parameters, and strings as short forms of them."""

import pytest
from helpers import refuses
from sklearn.base import BaseEstimator, clone

from skaug._components import ComponentsMixin


class Noise(BaseEstimator):
    def __init__(self, spread=1.0):
        self.spread = spread


class Sampler(ComponentsMixin, BaseEstimator):
    _short_forms = {"generator": {"noise": Noise(), "loud": Noise(spread=9.0)}}

    def __init__(self, generator="noise"):
        self.generator = generator


def test_a_short_form_is_its_object():
    assert Sampler().component("generator").spread == 1.0
    assert Sampler("loud").component("generator").spread == 9.0


def test_a_component_is_a_copy():
    noise = Noise(3.0)
    copy = Sampler(noise).component("generator")
    assert copy is not noise and copy.spread == 3.0
    copy.spread = 0.0
    assert Sampler("loud").component("generator").spread == 9.0


def test_parameters_of_a_short_form_can_be_set():
    sampler = Sampler("loud").set_params(generator__spread=2.0)
    assert sampler.generator.spread == 2.0
    assert Sampler().set_params(generator="loud", generator__spread=2.0).generator
    assert Sampler("loud").component("generator").spread == 9.0, "the default changed"
    assert clone(sampler).generator.spread == 2.0
    assert sampler.set_params(generator="noise").generator == "noise"


@pytest.mark.parametrize("value", ["quiet", Noise, 5, None])
def test_anything_else_is_refused(value):
    with refuses(r"needs generator to be one of 'noise', 'lou"):
        Sampler(value).component("generator")
