"""PreActResNet-18 with mixup on CIFAR-10, for a GPU. In the paper: 95.92 -> 96.26.

Recipe of He et al., Sections 4.1 and 4.2: crops and flips, mixup with alpha 1, SGD with
momentum 0.9, rate 0.1 divided by 10 at 150 and 275 of 400 epochs, weight decay 0.0001,
batches of 128; then 50 epochs of refinement, which keep crops and flips and the last
rate. As in the paper, refinement comes on top of the 400, and an accuracy is the median
over the last ten epochs of a phase. The paper has means of three runs, this is one.
Fewer epochs keep all proportions.

    python benchmarks/bench_refine_paper.py [--epochs 450] [--device cuda]
        [--rows 50000] [--seed 0] [--output FILE.json]
"""

import time

import numpy as np
import torch
from skorch.callbacks import Callback

from data import load, take
from runs import markdown, origin, parser_of, write
from skaug import NetClassifier
from skaug.baselines import recipe
from skaug.transforms.torchvision import v2

PAPER = {"mixup": 95.92, "refined": 96.26}
LAST = 10  # epochs of a phase over which the median is taken


def some(X, y, options):
    """As many rows as are wanted, of all classes."""
    if options.rows >= len(y):
        return X, y
    rows = take(y, options.rows, options.seed)
    return X[rows], y[rows]


class TestAccuracy(Callback):
    """Accuracy on the test images after each of the given epochs."""

    def __init__(self, epochs, X, y):
        self.epochs, self.X, self.y = epochs, X, y

    def on_epoch_end(self, net, **kwargs):
        last, epoch, accuracy = net.history[-1], len(net.history), ""
        if epoch in self.epochs:
            net.history.record("accuracy", 100 * net.score(self.X, self.y))
            accuracy = f"accuracy {last['accuracy']:.2f}"
        figures = f"rate {last['lr']:.4g}, loss {last['train_loss']:.4f} {accuracy}"
        print(f"epoch {epoch}, {last['dur']:.1f} s, {figures}", flush=True)


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--epochs", type=int, default=450, help="of both phases")
    parser.add_argument("--device", default="cuda")
    parser.add_argument(
        "--rows", type=int, default=50_000, help="fewer for a smoke test"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", help="where to keep the figures of every epoch")
    options = parser.parse_args()
    data = load("cifar10", download=True)
    X, y = some(data.X_train, data.y_train, options)
    X_test, y_test = some(data.X_test, data.y_test, options)
    # Black would be the padding of the paper's code; it is mean grey here.
    mean, scale = X.mean((0, 2, 3), keepdims=True), X.std((0, 2, 3), keepdims=True)
    X, X_test = (X - mean) / scale, (X_test - mean) / scale

    mixup = v2.MixUp(alpha=1.0, num_classes=10)
    training = recipe(
        *("preact_resnet_18", "refined"), transform=mixup, max_epochs=options.epochs
    )
    refinement = dict(training["callbacks"])["transform"]
    first, refine_epochs = refinement.phases(options.epochs)
    phases = {"mixup": (0, first), "refined": (first, options.epochs)}
    last = {k: range(max(a, b - LAST) + 1, b + 1) for k, (a, b) in phases.items()}
    training["callbacks"].append(
        TestAccuracy({*last["mixup"], *last["refined"]}, X_test, y_test)
    )
    start = time.perf_counter()
    net = NetClassifier(
        **training, device=options.device, random_state=options.seed
    ).fit(X, y)
    seconds = time.perf_counter() - start

    on_gpu = torch.device(options.device).type == "cuda"
    gpu = torch.cuda.get_device_name(options.device) if on_gpu else None
    made = origin(device=gpu)
    print(
        f"\n{made}\n{len(y)} rows, seed {options.seed}, {seconds:.0f} s, {first} + "
        f"{refine_epochs} epochs run; the paper's are 400 + 50\n"
    )
    lines = [["phase", "last epoch", "median of the last ten", "paper"]]
    for phase, epochs in last.items():
        accuracies = [net.history[epoch - 1, "accuracy"] for epoch in epochs]
        cells = f"{accuracies[-1]:.2f}", f"{np.median(accuracies):.2f}"
        lines.append([phase, *cells, f"{PAPER[phase]}"])
    print("\n".join(markdown(lines)))
    if options.output:
        columns = ["lr", "train_loss", "dur", "accuracy"]
        history = [{c: row.get(c) for c in columns} for row in net.history]
        write(options.output, {**vars(options), "made": made, "history": history})


if __name__ == "__main__":
    main()
