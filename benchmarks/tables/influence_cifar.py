"""Does the augmentation network help where Cutout is on? The influence paper's Table 2.

The paper has means of five seeds, and does not say of which epochs. "baseline" is
crops and flips, and all other rows have Cutout as well. AutoAugment is the published
policy. "proposed" adds the network, which is trained through the influence on a tenth
of the images; then the classifier is trained on all of them.

The paper's codes have 128 numbers, and its networks five layers. How wide they are,
how long they are trained and at which rate is in a supplement that is not public: here
they have the width of 64, and the GAN and the objective 2,000 steps each. The objective
is the paper's, and all rows of a batch are changed. Crops, flips and Cutout come before
the network. Its bound, the weight that the GAN keeps, the damping of the Hessian and
the temperature of validation logits are the defaults of ``skaug``: of these the paper
says nothing.

    python benchmarks/tables/influence_cifar.py --gpu --output influence_cifar.json
    python benchmarks/tables/influence_cifar.py --smoke
"""

from image_sets import CIFAR, images_of
from nets import cifar_auto_augment, cifar_net, cifar_run, last_accuracies
from skaug import Cutout, InfluenceAugmenter, NetworkAugmentation
from skaug.transforms import RandomCropFlip
from skaug.transforms.chain import Chain
from table import make_table

TRANSFORMS = {"Cutout": lambda images: Cutout(16), "AutoAugment": cifar_auto_augment}
PAPER = {
    "WRN-28-10, baseline": ("3.9", "18.8"),
    "WRN-28-10, Cutout": ("3.1", "18.4"),
    "WRN-28-10, AutoAugment": ("2.6", "17.1"),
    "WRN-28-10, proposed": ("2.8", "17.3"),
    "Shake-Shake 26 2x96d, baseline": ("2.9", "17.1"),
    "Shake-Shake 26 2x96d, Cutout": ("2.6", "16.0"),
    "Shake-Shake 26 2x96d, AutoAugment": ("2.0", "14.3"),
    "Shake-Shake 26 2x96d, proposed": ("2.1", "14.6"),
    "PyramidNet, baseline": ("2.7", "14.0"),
    "PyramidNet, Cutout": ("2.3", "12.2"),
    "PyramidNet, AutoAugment": ("1.5", "10.7"),
    "PyramidNet, proposed": ("1.7", "11.9"),
}


def augmentation(options):
    """The paper's network, behind its baseline augmentation."""
    sizes = {"depth": 5, "width": 64, "pretrain_steps": 2000, "steps": 2000}
    if options.smoke:
        sizes = {"depth": 2, "width": 4, "pretrain_steps": 2, "steps": 2}
    baseline = Chain([RandomCropFlip(), Cutout(16)])
    return NetworkAugmentation(baseline, objective="influence", mix=0.0, **sizes)


def train(row, name, seed, options):
    """Test accuracies of a network with one of the augmentations."""
    network, _, arm = row.partition(", ")
    if arm != "proposed":
        more = {"transform": TRANSFORMS.get(arm)}
        return cifar_run(row, network, "influence", name, seed, options, **more)
    images = images_of(name, options)
    # The baseline has crops and flips already.
    more = {"callbacks__crop_flip": None}
    augmenter = InfluenceAugmenter(
        cifar_net(network, "influence", images, seed, options, **more),
        augmentation=augmentation(options),
        cv=0.1,
        guard=False,
        random_state=seed,
    ).fit(images.X, images.y)
    [accuracies] = last_accuracies(augmenter.estimator_)
    return {row: accuracies}


def main(arguments=None):
    make_table(__doc__, PAPER, train, arguments, sets=list(CIFAR), seeds=5)


if __name__ == "__main__":
    main()
