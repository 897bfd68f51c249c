"""ISDA's extra work per batch against the usual per-sample implementation.

Side by side in one run, alternating: features, logits and labels of a batch of 128 in;
statistics updated, loss and gradients out. The other side forms tensors of batch x
classes x features and batch x features x features, as published code does. Then: what
a whole training step of the default ConvNet costs with ISDA, and how far the low-rank
statistics are from the full ones.

    python benchmarks/bench_isda.py
"""

import os
import time

os.environ.setdefault("KINETO_LOG_LEVEL", "5")  # before torch: no profiler chatter

import numpy as np
import torch
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from costs import print_line
from runs import check, claim
from skaug import ISDALoss
from skaug.isda import ClassCovariance
from skaug.net import ConvNet, capture_input

SIZES = [(10, 64), (100, 64), (100, 256), (10, 640), (100, 640)]
# (classes, features) -> least speed-up
TIME_GOALS = {(100, 64): 5, (100, 256): 5, (10, 640): 10, (100, 640): 10}
MEMORY_GOAL = 1 / 5  # of the per-sample peak, from 256 features on
STEP_GOAL = 1.05
BATCH = 128


class PerSampleISDA:
    """The method as published code has it: a sample axis or C x A x A everywhere.

    Shapes and order of operations follow the authors' release: labels as a one-hot
    (n, C, A) mask, merging weights spelled out for every entry of the covariances,
    rows of the weight gathered per sample, and a (n, C, C) form whose diagonal is used.
    """

    def __init__(self, n_classes, n_features):
        self.covariance = torch.zeros(n_classes, n_features, n_features)
        self.mean = torch.zeros(n_classes, n_features)
        self.count = torch.zeros(n_classes)

    def update(self, features, target):
        n, (C, A) = len(features), self.mean.shape
        onehot = torch.zeros(n, C).scatter_(1, target[:, None], 1)
        mask = onehot[:, :, None].expand(n, C, A)
        by_class = features[:, None].expand(n, C, A).mul(mask)
        count = mask.sum(0)
        count[count == 0] = 1
        mean = by_class.sum(0) / count
        centred = by_class - mean.expand(n, C, A).mul(mask)
        batch = centred.permute(1, 2, 0) @ centred.permute(1, 0, 2)
        batch = batch.div(count[:, :, None].expand(C, A, A))
        n_new = onehot.sum(0)
        new_matrix = n_new[:, None, None].expand(C, A, A)
        share = new_matrix.div(new_matrix + self.count[:, None, None].expand(C, A, A))
        share[share != share] = 0
        new_row = n_new[:, None].expand(C, A)
        share_of_mean = new_row.div(new_row + self.count[:, None].expand(C, A))
        share_of_mean[share_of_mean != share_of_mean] = 0
        shift = self.mean - mean
        outer = share.mul(1 - share).mul(shift[:, :, None] @ shift[:, None])
        self.covariance = self.covariance.mul(1 - share) + batch.mul(share) + outer
        self.mean = self.mean.mul(1 - share_of_mean) + mean.mul(share_of_mean)
        self.count = self.count + n_new

    def __call__(self, logits, target, features, weight, strength):
        self.update(features.detach(), target)
        (n, C), A = logits.shape, features.shape[1]
        everyone = weight.expand(n, C, A)
        own = everyone.gather(1, target[:, None, None].expand(n, C, A))
        covariance = self.covariance[target]
        left = (everyone - own) @ covariance
        form = strength * (left @ (everyone - own).permute(0, 2, 1))
        form = form.mul(torch.eye(C).expand(n, C, C)).sum(2)
        return F.cross_entropy(logits + 0.5 * form, target)


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
    """Least seconds per step of each side, measured in turn for two seconds or more."""
    sides = {
        side: make(side, n_classes, n_features) for side in ("skaug", "per sample")
    }
    seconds = {side: [] for side in sides}
    stop, repeat = time.perf_counter() + 2, 0
    while repeat < repeats + 2 or time.perf_counter() < stop:
        results, repeat = {}, repeat + 1
        for side, loss_function in sides.items():
            data = batch(n_classes, n_features, seed=repeat)
            start = time.perf_counter()
            results[side] = step(loss_function, data)
            seconds[side].append(time.perf_counter() - start)
        (loss, grad), (loss_naive, grad_naive) = results.values()
        assert abs(loss - loss_naive) < 1e-4 * abs(loss_naive), "the sides disagree"
        torch.testing.assert_close(grad, grad_naive, rtol=1e-3, atol=1e-5)
    return {side: min(values[2:]) for side, values in seconds.items()}


def peak_bytes(side, n_classes, n_features):
    """Largest memory that a step holds at once beyond its inputs and the statistics."""
    loss_function = make(side, n_classes, n_features)
    data = batch(n_classes, n_features, seed=0)
    step(loss_function, data)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as run:
        step(loss_function, data)
    events = sorted(run.profiler.kineto_results.events(), key=lambda e: e.start_ns())
    changes = [event.nbytes() for event in events if event.name() == "[memory]"]
    return int(np.cumsum(changes).max())


def time_training_step(repeats=100):
    """A step of the default ConvNet on 32 x 32 images: seconds, and ISDA's multiple.

    The multiple is the median over pairs of steps side by side in time, which a busy
    machine slows alike.
    """
    torch.manual_seed(0)
    X, y = torch.randn(BATCH, 3, 32, 32), torch.randint(10, (BATCH,))
    seconds = {"plain": [], "ISDA": []}
    nets = {side: ConvNet(3, 10) for side in seconds}
    optimizers = {side: torch.optim.AdamW(nets[side].parameters()) for side in nets}
    loss_function = ISDALoss(10, nets["ISDA"].head.in_features)
    for repeat in range(repeats + 2):
        # Which side goes first changes: what one leaves in the caches helps the other.
        for side in ("plain", "ISDA") if repeat % 2 else ("ISDA", "plain"):
            net = nets[side]
            start = time.perf_counter()
            optimizers[side].zero_grad()
            if side == "ISDA":
                with capture_input(net.head) as inputs:
                    logits = net(X)
                loss = loss_function(logits, y, inputs[0], net.head.weight, 0.5)
            else:
                loss = F.cross_entropy(net(X), y)
            loss.backward()
            optimizers[side].step()
            seconds[side].append(time.perf_counter() - start)
    plain, isda = (np.array(seconds[side][2:]) for side in ("plain", "ISDA"))
    return np.median(plain), np.median(isda / plain)


def low_rank_error(ranks=(4, 16, 64), n_classes=5, n_features=256, n_batches=100):
    """Relative error of the low-rank quadratic form against the full one.

    The features have a spectrum that falls off like 1 / direction, as those of trained
    networks roughly do.
    """
    generator = torch.Generator().manual_seed(0)
    scale = 1 / torch.arange(1, n_features + 1) ** 0.5
    turn = torch.linalg.qr(
        torch.randn(n_classes, n_features, n_features, generator=generator)
    )[0]
    estimates = {"full": ClassCovariance(n_classes, n_features)}
    for rank in ranks:
        estimates[rank] = ClassCovariance(n_classes, n_features, "low_rank", rank=rank)
    estimates["diagonal"] = ClassCovariance(n_classes, n_features, "diagonal")
    for _ in range(n_batches):
        target = torch.randint(n_classes, (BATCH,), generator=generator)
        noise = torch.randn(BATCH, 1, n_features, generator=generator) * scale
        features = (noise @ turn[target]).squeeze(1)
        for estimate in estimates.values():
            estimate.update(features, target)
    weight = torch.randn(n_classes, n_features, generator=generator)
    classes = torch.arange(n_classes)
    tables = {k: e.quadratic_form(weight, classes) for k, e in estimates.items()}
    full = tables.pop("full")
    return {k: float((t - full).norm() / full.norm()) for k, t in tables.items()}


def main():
    print(
        f"batch {BATCH}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    )
    widths = 20, 12, 10, 9, 6, 12, 11, 8, 6
    columns = "per sample", "skaug", "faster", "goal", "peak", "skaug", "share", "goal"
    print_line(widths, ["classes, features", *columns])
    claims = []
    for size in SIZES:
        seconds = time_sides(*size, repeats=8)
        peaks = {side: peak_bytes(side, *size) for side in seconds}
        faster = seconds["per sample"] / seconds["skaug"]
        share = peaks["skaug"] / peaks["per sample"]
        goal, limit = TIME_GOALS.get(size, 0), MEMORY_GOAL if size[1] >= 256 else 1
        times = [f"{seconds[side] * 1e3:.1f} ms" for side in ("per sample", "skaug")]
        sizes = [f"{peaks[side] / 2**20:.1f} MiB" for side in ("per sample", "skaug")]
        cells = *times, f"{faster:.1f}x", goal or "", *sizes, f"{share:.3f}", limit
        print_line(widths, [size, *cells])
        seen = f"{faster:.1f}x, {share:.3f}"
        held = faster >= goal and share <= limit
        claims.append(claim(f"{size}: both goals", seen, held))
    plain_seconds, overhead = time_training_step()
    print(
        f"whole step, ConvNet on 32 x 32 images: {plain_seconds * 1e3:.1f} ms plain, "
        f"{overhead:.3f}x with ISDA, goal {STEP_GOAL}"
    )
    print("relative error of the quadratic form against 'full', 256 features:")
    for kind, error in low_rank_error().items():
        name = kind if kind == "diagonal" else f"low_rank, rank {kind}"
        print(f"  {name:20}{error:8.4f}")
    text = f"a step takes at most {STEP_GOAL}x"
    claims.append(claim(text, f"{overhead:.3f}x", overhead <= STEP_GOAL))
    check(claims)


if __name__ == "__main__":
    main()
