"""ISDA's extra work per batch against the usual per-sample implementation.

Side by side in one run, alternating: features, logits and labels of a batch of 128 in;
statistics updated, loss and gradients out. The other side forms batch x classes x
features and batch x features x features tensors, as published code does.

    python benchmarks/bench_isda.py
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
import torch
from torch.nn import functional as F

from skaug import ISDALoss, NetClassifier
from skaug.isda import ISDAClassifier

SIZES = [(10, 64), (100, 64), (100, 256), (10, 640), (100, 640)]
# (classes, features) -> least speed-up and largest share of the memory
TIME_GOALS = {(100, 64): 5, (100, 256): 5, (100, 640): 10, (10, 640): 10}
MEMORY_GOAL = 1 / 5  # from 256 features on
STEP_GOAL = 1.05
BATCH = 128


class PerSampleISDA:
    """The method as usually written: every tensor has a sample axis."""

    def __init__(self, n_classes, n_features):
        self.covariance = torch.zeros(n_classes, n_features, n_features)
        self.mean = torch.zeros(n_classes, n_features)
        self.count = torch.zeros(n_classes)

    def update(self, features, target):
        n_classes, n_features = self.mean.shape
        n = len(features)
        onehot = F.one_hot(target, n_classes).to(features.dtype)
        member = onehot[:, :, None].expand(n, n_classes, n_features)
        by_class = features[:, None].expand(n, n_classes, n_features) * member
        count = member.sum(0)
        count[count == 0] = 1
        mean = by_class.sum(0) / count
        centred = (by_class - mean.expand(n, n_classes, n_features)) * member
        batch = centred.permute(1, 2, 0) @ centred.permute(1, 0, 2)
        batch = batch / count[:, :, None]
        n_new = onehot.sum(0)
        weight = n_new / (n_new + self.count)
        weight[weight.isnan()] = 0
        wide = weight[:, None, None]
        shift = (self.mean - mean)[:, :, None]
        outer = wide * (1 - wide) * (shift @ shift.mT)
        self.covariance = self.covariance * (1 - wide) + batch * wide + outer
        self.mean = self.mean * (1 - weight[:, None]) + mean * weight[:, None]
        self.count = self.count + n_new

    def __call__(self, logits, target, features, weight, strength):
        self.update(features.detach(), target)
        n, n_classes = logits.shape
        n_features = features.shape[1]
        everyone = weight.expand(n, n_classes, n_features)
        own = weight[target][:, None].expand(n, n_classes, n_features)
        difference = everyone - own
        covariance = self.covariance[target]
        form = difference @ covariance @ difference.mT
        variances = (form * torch.eye(n_classes)).sum(2)
        return F.cross_entropy(logits + strength / 2 * variances, target)


def make(side, n_classes, n_features):
    if side == "per sample":
        return PerSampleISDA(n_classes, n_features)
    return ISDALoss(n_classes, n_features)


def batch(n_classes, n_features, seed):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(BATCH, n_features, generator=generator).relu()
    weight = torch.randn(n_classes, n_features, generator=generator) / n_features**0.5
    target = torch.randint(n_classes, (BATCH,), generator=generator)
    return features.requires_grad_(), weight.requires_grad_(), target


def step(loss_function, data):
    features, weight, target = data
    features.grad = weight.grad = None
    loss = loss_function(features @ weight.T, target, features, weight, 0.5)
    loss.backward()
    return loss.item(), weight.grad


def time_sides(n_classes, n_features, repeats):
    """Median seconds per step of each side, measured in turn."""
    sides = {
        side: make(side, n_classes, n_features) for side in ("skaug", "per sample")
    }
    seconds = {side: [] for side in sides}
    for repeat in range(repeats + 2):
        results = {}
        for side, loss_function in sides.items():
            data = batch(n_classes, n_features, seed=repeat)
            start = time.perf_counter()
            results[side] = step(loss_function, data)
            seconds[side].append(time.perf_counter() - start)
        (loss, grad), (loss_naive, grad_naive) = results.values()
        assert abs(loss - loss_naive) < 1e-4 * abs(loss_naive), "the sides disagree"
        torch.testing.assert_close(grad, grad_naive, rtol=1e-3, atol=1e-5)
    return {side: float(np.median(values[2:])) for side, values in seconds.items()}


def peak_bytes(side, n_classes, n_features):
    """Extra peak memory of a step beyond its inputs and the statistics, by torch."""
    from torch.profiler import ProfilerActivity, profile

    loss_function, data = (
        make(side, n_classes, n_features),
        batch(n_classes, n_features, 0),
    )
    step(loss_function, data)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as run:
        step(loss_function, data)
    held = peak = 0
    for event in sorted(
        run.profiler.kineto_results.events(), key=lambda e: e.start_ns()
    ):
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak
