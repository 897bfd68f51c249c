"""Does refinement help after mixup and AutoAugment on ImageNet? Table 5 of its paper.

The rate is 0.1 at first, batches have 256 images. ResNet-50 with AutoAugment is trained
for 300 epochs, and the rate falls to a tenth after 75, 150 and 225; all else is trained
for 200, and it falls after 60, 120 and 180. The paper gives this for mixup. It does not
say it of "standard", nor when the rate falls for ResNet-101 with AutoAugment.
Refinement has 20 epochs at a rate of 0.0001 and keeps the random crops and flips. Where
the paper is silent, weight decay is 0.0001, momentum is Nesterov's, and there is one
seed.

``--data`` is the folder that has ``train`` and ``val``. With ``--networks``, the
weights of each network are kept there before and after refinement, for
``refined_detection.py``.

    python benchmarks/tables/refined_imagenet.py --gpu --data IMAGENET \
        --networks NETWORKS --output refined_imagenet.json
    python benchmarks/tables/refined_imagenet.py --smoke
"""

from pathlib import Path

from skorch.callbacks import Callback, LRScheduler
from torch.optim.lr_scheduler import MultiStepLR

from image_folders import MEAN, SCALE, imagenet_run, models, with_top_5
from nets import REFINED, auto_augment
from skaug import BatchAugmentation, TableMixup
from table import make_table

NETWORKS = {"ResNet-50": models.resnet50, "ResNet-101": models.resnet101}
TRANSFORMS = {
    "mixup 0.2": TableMixup(0.2),
    "mixup 0.5": TableMixup(0.5),
    "AutoAugment": auto_augment("imagenet", MEAN, SCALE),
}
# Epochs, and those after which the rate falls.
LONG, SHORT = (300, (75, 150, 225)), (200, (60, 120, 180))
REFINE_EPOCHS, REFINE_LR = 20, 1e-4
FIGURES = {  # accuracies, of one class and of five
    "ResNet-50, standard": "76.39 / 93.19",
    "ResNet-50, mixup 0.2": "77.47 / 93.75",
    "ResNet-50, mixup 0.2, refined": "77.69 / 93.83",
    "ResNet-50, mixup 0.5": "77.26 / 93.78",
    "ResNet-50, mixup 0.5, refined": "77.65 / 93.93",
    "ResNet-50, AutoAugment": "77.83 / 93.70",
    "ResNet-50, AutoAugment, refined": "77.98 / 93.86",
    "ResNet-101, standard": "78.13 / 93.71",
    "ResNet-101, mixup 0.5": "79.41 / 94.70",
    "ResNet-101, mixup 0.5, refined": "79.61 / 94.73",
    "ResNet-101, AutoAugment": "79.20 / 94.45",
    "ResNet-101, AutoAugment, refined": "79.33 / 94.46",
}
ROWS = [label for label in FIGURES if not label.endswith(REFINED)]
FOLDER = {"--networks": {"help": "folder of the weights of trained networks"}}


class KeepWeights(Callback):
    """Write the weights of the network after some epochs, each into its own file."""

    def __init__(self, files):
        self.files = files

    def on_epoch_end(self, net, **kwargs):
        file = self.files.get(len(net.history))
        if file is not None:
            net.save_params(f_params=file)


def weights_file(folder, label, seed):
    """Where the weights of a network are kept."""
    return Path(folder) / f"{label}, seed {seed}.pt"


def train(row, name, seed, options):
    """Test accuracies of a network before and after refinement."""
    network, _, augmentation = row.partition(", ")
    transform = TRANSFORMS.get(augmentation)
    whole, drops = LONG if row == "ResNet-50, AutoAugment" else SHORT
    n_refined = REFINE_EPOCHS if transform else 0
    epochs = options.epochs or whole + n_refined
    share = epochs / (whole + n_refined)
    drops = [round(share * drop) for drop in drops]
    callbacks = [("schedule", LRScheduler(MultiStepLR, milestones=drops, gamma=0.1))]
    ends = {epochs: row}
    if transform:
        n_refined = min(max(round(share * n_refined), 1), epochs - 1)
        own = BatchAugmentation(transform, n_refined, refine_lr=REFINE_LR)
        callbacks.append(("transform", own))
        ends = {epochs: row + REFINED, epochs - n_refined: row}
    if options.networks:
        Path(options.networks).mkdir(parents=True, exist_ok=True)
        files = {k: weights_file(options.networks, ends[k], seed) for k in ends}
        callbacks.append(("weights", KeepWeights(files)))
    return imagenet_run(
        *(row, NETWORKS[network], seed, options),
        first=callbacks,
        max_epochs=epochs,
        batch_size=256,
        lr=0.1,
        lr_schedule="constant",  # that of the callback
    )


def main(arguments=None):
    make_table(
        *(__doc__, with_top_5(FIGURES), train, arguments),
        rows=ROWS,
        sets=["imagenet"],
        seeds=1,
        shown="accuracy",
        options=FOLDER,
    )


if __name__ == "__main__":
    main()
