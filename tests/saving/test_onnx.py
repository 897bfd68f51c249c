"""The recipe of the guide for ONNX: what it writes predicts as the pipeline does."""

import re
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
import torch
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skaug import ISDAClassifier, NetClassifier

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
pytestmark = [
    pytest.mark.skipif(
        tuple(map(int, torch.__version__.split(".")[:2])) < (2, 9),
        reason="needs the exporter of torch 2.9",
    ),
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # torch's, of its own code
]

GUIDE = Path(__file__).parents[2] / "docs" / "tools" / "composing.rst"
SHORT = {"max_epochs": 3, "random_state": 0}


@pytest.fixture(scope="module")
def recipe():
    """The two pieces of code of the guide, which writes and which reads."""
    text = GUIDE.read_text().split(".. _onnx:")[1]
    blocks = re.findall(r"\.\. code-block:: python\n\n((?: {4}.*\n|\n)+)", text)
    writes, reads = (dedent(block) for block in blocks[:2])
    return writes, reads


def run(code, folder, monkeypatch, **names):
    monkeypatch.chdir(folder)
    exec(code, names)
    return names


def test_the_pipeline_of_the_guide(recipe, tmp_path, monkeypatch):
    X, codes = load_wine(return_X_y=True)
    y = np.array(["red", "rosé", "white"])[codes]
    names = {"make_pipeline": make_pipeline, "StandardScaler": StandardScaler}
    written = run(
        recipe[0],
        tmp_path,
        monkeypatch,
        X=X,
        y=y,
        NetClassifier=lambda: NetClassifier(**SHORT),
        **names,
    )
    read = run(recipe[1], tmp_path, monkeypatch, X=X)
    scaled = written["scaler"].transform(X)
    expected = written["net"].predict_proba(scaled)
    np.testing.assert_allclose(read["probabilities"], expected, atol=1e-5)
    assert read["predicted"].tolist() == written["net"].predict(scaled).tolist()
    assert [path.name for path in tmp_path.iterdir()] == ["wines.onnx"]


def test_images(recipe, tmp_path, monkeypatch):
    y = np.arange(40) % 3
    X = np.random.default_rng(0).normal(size=(40, 3, 8, 8)) + y[:, None, None, None]
    net = ISDAClassifier(module__widths=(4, 8), **SHORT).fit(X, y)
    functions = recipe[0].partition("\nscaler, net")[0]
    call = '\nwrite_onnx("wines.onnx", net, X)\n'
    run(functions + call, tmp_path, monkeypatch, net=net, X=X)
    read = run(recipe[1], tmp_path, monkeypatch, X=X)
    np.testing.assert_allclose(read["probabilities"], net.predict_proba(X), atol=1e-5)
    assert read["predicted"].tolist() == net.predict(X).tolist()
