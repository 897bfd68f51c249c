"""Do refined networks transfer better to detection? Table 6 of the refinement paper.

ResNet-50 of ``refined_imagenet.py`` is the backbone of a Faster R-CNN of torchvision
with a feature pyramid, which is trained on PASCAL VOC 2007: 12 epochs, batches of 16
images, a rate of 0.01 that falls to a tenth after 9. The paper calls this the standard
strategy. Where it is silent, settings are those of mmdetection for VOC: images of 1000
x 600 at most, flips, momentum of 0.9, weight decay of 0.0001, normalisation and the
first stage of the backbone as they were; here scales and shifts of normalisation stay
too, and the rate has no warm-up. Which of its two mixups the paper takes is not said;
here it is that of 0.2. The network computes in float32, also with ``--gpu``.

The figure is the mean average precision at an overlap of one half, by the eleven points
of VOC 2007. Difficult objects are not trained on, and do not count in tests.

``--networks`` is the folder that ``refined_imagenet.py`` has written, ``--data`` where
torchvision finds or puts VOC. The smoke test makes a refined network of its own, and
looks for squares. It needs torchvision's operators, which are not there if torchvision
was built for another torch.

    python benchmarks/tables/refined_detection.py --gpu --networks NETWORKS \
        --data VOC --output refined_detection.json
    python benchmarks/tables/refined_detection.py --smoke
"""

from argparse import Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch.optim import SGD
from torch.optim.lr_scheduler import MultiStepLR
from torch.utils.data import DataLoader

import refined_imagenet
from average_precision import mean_average_precision
from image_folders import SMALL, WORKERS, models
from nets import REFINED
from runs import say, stop
from skaug._random import own_generators
from skaug.transforms.torchvision import torchvision, v2
from table import make_table

EPOCHS, BATCH_SIZE = 12, 16
TRAINED = "boxes", "labels"
N_CLASSES = 21  # of VOC, with the background
SMALL_SIZES = {  # in a smoke test
    **{"min_size": 64, "max_size": 64, "box_batch_size_per_image": 32},
    **{"rpn_post_nms_top_n_train": 32, "rpn_post_nms_top_n_test": 32},
}
PAPER = {
    "standard": ("72.0",),
    "mixup": ("67.4",),
    "mixup, refined": ("73.3",),
    "AutoAugment": ("70.5",),
    "AutoAugment, refined": ("73.1",),
}
SQUARE = """<annotation><object>
<name>{name}</name><difficult>0</difficult><bndbox><xmin>{left}</xmin>
<ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox>
</object></annotation>"""


def backbone_label(row):
    """Label of a row's network in ``refined_imagenet.py``."""
    return "ResNet-50, " + row.replace("mixup", "mixup 0.2")


def voc(folder, part):
    """Images of VOC 2007 as tensors, with boxes, labels and annotations."""
    here = folder / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main" / f"{part}.txt"
    flips = [v2.RandomHorizontalFlip()] if part == "trainval" else []
    data = torchvision.datasets.VOCDetection(
        *(folder, "2007", part),
        download=not here.exists(),
        transforms=v2.Compose(
            [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), *flips]
        ),
    )
    return torchvision.datasets.wrap_dataset_for_transforms_v2(data, target_keys="all")


def write_squares(folder):
    """Write images of one square each, as VOC has them: bright and dark ones."""
    draws = np.random.default_rng(0)
    place = folder / "VOCdevkit" / "VOC2007"
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (place / name).mkdir(parents=True)
    for part, numbers in {"trainval": range(8), "test": range(8, 12)}.items():
        for number in numbers:
            name, shade = (("cat", 255), ("dog", 0))[number % 2]
            left, top = draws.integers(1, 30, 2)
            box = {"left": left, "top": top, "right": left + 32, "bottom": top + 32}
            image = Image.new("RGB", (64, 64), (128, 128, 128))
            ImageDraw.Draw(image).rectangle(tuple(box.values()), (shade,) * 3)
            image.save(place / "JPEGImages" / f"{number}.jpg")
            text = SQUARE.format(name=name, **box)
            (place / "Annotations" / f"{number}.xml").write_text(text)
        lines = "".join(f"{number}\n" for number in numbers)
        (place / "ImageSets" / "Main" / f"{part}.txt").write_text(lines)


def collated(batch):
    """Images of a batch, and for each its boxes, labels and which are difficult."""
    targets = []
    for _, target in batch:
        objects = target["annotation"]["object"]
        difficult = torch.tensor([one["difficult"] == "1" for one in objects])
        boxes = target["boxes"].as_subclass(torch.Tensor).float()
        targets.append(
            {"boxes": boxes, "labels": target["labels"], "difficult": difficult}
        )
    return [image.as_subclass(torch.Tensor) for image, _ in batch], targets


def batches_of(data, options, **more):
    """Batches of images and targets."""
    n_workers = 0 if options.smoke else WORKERS
    size = 4 if options.smoke else BATCH_SIZE
    return DataLoader(data, size, collate_fn=collated, num_workers=n_workers, **more)


def detector(weights, options):
    """A Faster R-CNN whose backbone starts with the weights of a ResNet."""
    module = SMALL if options.smoke else models.resnet50
    body = module(
        norm_layer=torchvision.ops.FrozenBatchNorm2d,
        num_classes=len(weights["fc.bias"]),
    )
    body.load_state_dict(weights)
    for name, weight in body.named_parameters():
        weight.requires_grad_(name.startswith(("layer2", "layer3", "layer4")))
    backbone = models.detection.backbone_utils.BackboneWithFPN(
        body,
        return_layers={f"layer{i + 1}": f"{i}" for i in range(4)},
        in_channels_list=[body.inplanes * 2**i // 8 for i in range(4)],
        out_channels=256,
    )
    sizes = SMALL_SIZES if options.smoke else {"min_size": 600, "max_size": 1000}
    model = models.detection.FasterRCNN(backbone, N_CLASSES, **sizes)
    return model.to(options.device)


def train_detector(model, data, options):
    """Train on all objects that are not difficult."""
    epochs, device = options.epochs or EPOCHS, options.device
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = SGD(weights, lr=0.01, momentum=0.9, weight_decay=1e-4)
    schedule = MultiStepLR(optimizer, [round(0.75 * epochs)])
    model.train()
    for epoch in range(epochs):
        for images, targets in batches_of(data, options, shuffle=True):
            easy = [
                {name: one[name][~one["difficult"]].to(device) for name in TRAINED}
                for one in targets
            ]
            losses = model([image.to(device) for image in images], easy)
            optimizer.zero_grad()
            sum(losses.values()).backward()
            optimizer.step()
        schedule.step()
        say(f"epoch {epoch + 1}", {k: round(float(v), 4) for k, v in losses.items()})


@torch.no_grad()
def detected(model, data, options):
    """What the model finds in each image, and what is there."""
    model.eval()
    found, true = [], []
    for images, targets in batches_of(data, options):
        outputs = model([image.to(options.device) for image in images])
        found += [{name: one.cpu() for name, one in out.items()} for out in outputs]
        true += targets
    return found, true


def train(row, name, seed, options):
    """Mean average precision with a backbone."""
    check_operators()
    with TemporaryDirectory() as toys:
        folder, networks = Path(options.data), options.networks
        if options.smoke:
            folder = networks = Path(toys)
            write_squares(folder)
            train_backbone(row, seed, options, networks)
        weights = read_weights(networks, backbone_label(row), seed)
        with own_generators(options.device, seed):
            model = detector(weights, options)
            train_detector(model, voc(folder, "trainval"), options)
            result = detected(model, voc(folder, "test"), options)
    return {row: [mean_average_precision(*result)]}


def train_backbone(row, seed, options, networks):
    """Train a small network as the backbones are."""
    options = Namespace(**{**vars(options), "networks": networks})
    label = backbone_label(row).removesuffix(REFINED)
    refined_imagenet.train(label, "imagenet", seed, options)


def read_weights(networks, label, seed):
    """Weights that ``refined_imagenet.py`` has kept."""
    file = networks and refined_imagenet.weights_file(networks, label, seed)
    if not (file and file.exists()):
        advice = "Train it with refined_imagenet.py --networks, and give the folder."
        stop("refined_detection.py", f"the network {label!r}", file, advice)
    return torch.load(file, map_location="cpu", weights_only=True)


def check_operators():
    """Refuse a torchvision without operators."""
    try:
        torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    except RuntimeError:
        needed, got = "torchvision's operators", "a torchvision for another torch"
        stop("refined_detection.py", needed, got, "Install a pair that fits.")


def main(arguments=None):
    make_table(
        *(__doc__, PAPER, train, arguments),
        sets=["voc2007"],
        seeds=1,
        shown="mean average precision",
        options=refined_imagenet.FOLDER,
    )


if __name__ == "__main__":
    main()
