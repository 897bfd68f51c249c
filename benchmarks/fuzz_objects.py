"""What fuzz.py tries: each public object, and how often.

``OBJECTS`` has for each name the axes of its rows, how often it is drawn, and a
function that puts a case through it. The function raises what the object raises, or
`Wrong`.
"""

from functools import partial

from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from torch import nn

from fuzz_estimators import (
    NET,
    TINY,
    augment,
    bent_model,
    card,
    classify,
    damaged_model,
    frozen_prior,
    influence,
    refine_again,
    resample_rows,
    transform,
    twin,
)
from fuzz_functions import (
    autoencoder,
    calibration,
    change_batch,
    covariance,
    cut,
    doubts,
    doubts_of_predictions,
    file_of,
    frames,
    gaps,
    generate,
    grid,
    hardness_of_rows,
    latent,
    loss,
    potentials,
    potentials_of_others,
    radius_of_rows,
    rates,
    recordings,
    skips,
    temperature,
    worst_group,
)
from skaug import (
    AugmentationSearchCV,
    BatchAugmentation,
    Cutout,
    CVAEGenerator,
    GaussianGenerator,
    HardPoints,
    HardRegionSampler,
    IHDAFinetuner,
    InfluenceAugmenter,
    InterpolationGenerator,
    ISDAClassifier,
    ISDALogisticRegression,
    LastLayerInfluence,
    ManifoldMixup,
    NeighborGenerator,
    NetClassifier,
    NetworkAugmentation,
    NoiseGenerator,
    PretrainedFeatures,
    PriorShift,
    ResampledClassifier,
    TableMixup,
    TransformPolicy,
    VAEGenerator,
    potential,
)
from skaug.baselines import (
    AuxiliaryClassifierGAN,
    CenterLoss,
    ConditionalGAN,
    DisturbLabel,
    FocalLoss,
    GeneralizedCrossEntropyLoss,
    GeneratedRows,
    InfoGAN,
    LargeMarginLoss,
    WassersteinGAN,
)
from skaug.comparison import Budgets
from skaug.hard_regions import kernel_sums
from skaug.isda import SampledISDALoss
from skaug.isda.covariance import KINDS
from skaug.signals import MagnitudeSpectrum
from skaug.transforms import (
    Brightness,
    ChannelDropout,
    Colour,
    Contrast,
    Equalize,
    HorizontalFlip,
    Hue,
    Invert,
    Jitter,
    PerSample,
    Posterize,
    RandAugment,
    RandomAffine,
    RandomCropFlip,
    SameClassInterpolation,
    Saturation,
    Scaling,
    SensorRotation,
    Solarize,
    TimeWarp,
    TrivialAugment,
    VerticalFlip,
)

__all__ = ["OBJECTS"]

ISDA = ISDAClassifier(**TINY)
SMALL = {"latent_dim": 2, "steps": 3}
NOISE = HardRegionSampler(generator="noise", sampling_strategy="hard", random_state=0)
POLICY = TransformPolicy([Jitter(), Scaling()], n_networks=1)
FEWEST = Budgets(plain=(2,), augmented=(2,), decays=(0.0,), refused=2)
GENERATORS = [
    NeighborGenerator(),
    InterpolationGenerator(),
    GaussianGenerator(),
    NoiseGenerator(),
    VAEGenerator(**SMALL),
    CVAEGenerator(**SMALL),
]
AUGMENTED = [("augment", BatchAugmentation(TableMixup(), refine_epochs=1))]
DISTURBED = [("augment", BatchAugmentation(DisturbLabel()))]
CRITERIA = (CenterLoss, FocalLoss, GeneralizedCrossEntropyLoss, LargeMarginLoss)
RIVALS = [NetClassifier(criterion=kind, **TINY) for kind in CRITERIA]
RIVALS += [
    NetClassifier(callbacks=DISTURBED, **TINY),
    ISDAClassifier(criterion=SampledISDALoss, **TINY),
]
TABLES, SIGNALS = ("table",), ("signals",)
ALL, MIXED = ("table", "table", "signals", "images"), ("signals", "images", "table")


def of(axes, share, perform, *models):
    """An entry of the table for some estimators, of which each case has one."""

    def perform_with_one(case):
        perform(bent_model(case, models[case.rng.integers(len(models))]), case)

    return axes, share, perform_with_one


OF_TABLES = [Jitter(), Scaling(), SameClassInterpolation(), ChannelDropout()]
OF_SIGNALS = [TimeWarp(), SensorRotation(), Jitter(), ChannelDropout()]
OF_IMAGES = [
    *(kind() for kind in (Brightness, Contrast, Saturation, Hue, Colour, Posterize)),
    *(kind() for kind in (Solarize, Equalize, Invert, HorizontalFlip, VerticalFlip)),
    *(kind() for kind in (TrivialAugment, RandAugment)),
    RandomAffine(10, 0.1, 0.1, 5),
    RandomCropFlip(2),
    Cutout(3),
    PerSample(nn.Identity()),
]
SAMPLERS = [
    HardRegionSampler(random_state=0),
    NOISE,
    *(
        HardRegionSampler(sources=sources, generator=generator, random_state=0)
        for sources in ("all", "hard", "supported", "region", "top", "random")
        for generator in (GENERATORS[1], GENERATORS[2], GENERATORS[4], GENERATORS[5])
    ),
    HardRegionSampler(output="potentials"),
    HardRegionSampler(output="potentials", sources=HardPoints(radius=("knn", 5))),
]
FINETUNER = {"levels": ["blocks.1"], "random_state": 0}
FINETUNERS = [
    IHDAFinetuner(NET, generator="noise", random_state=0),
    IHDAFinetuner(NET, generator=VAEGenerator(**SMALL), **FINETUNER),
    IHDAFinetuner(NET, generator="neighbors", sources=HardPoints(), **FINETUNER),
    IHDAFinetuner.paper(NET, generator=VAEGenerator(**SMALL), **FINETUNER),
]
AUGMENTERS = [
    InfluenceAugmenter(NET, augmentation=POLICY, random_state=0),
    InfluenceAugmenter(NET, augmentation=POLICY, guard=False, random_state=0),
    InfluenceAugmenter(
        NET, augmentation=NetworkAugmentation(steps=2), guard=False, random_state=0
    ),
]
NETS = [
    NetClassifier(**TINY),
    NetClassifier(logit_adjustment=1.0, train_split=0.2, **TINY),
    NetClassifier(class_weight="balanced", **TINY),
    NetClassifier(callbacks=AUGMENTED, **TINY),
    NetClassifier(callbacks=[BatchAugmentation(ManifoldMixup(), 1)], **TINY),
]
GANS = AuxiliaryClassifierGAN, ConditionalGAN, InfoGAN, WassersteinGAN
GENERATED = [
    NetClassifier(
        callbacks=[BatchAugmentation(GeneratedRows(kind(2, 4, steps=2)))], **TINY
    )
    for kind in GANS
]
ISDAS = [clone(ISDA).set_params(covariance=kind) for kind in KINDS]
SEARCH = AugmentationSearchCV(NET, ["ISDA"], cv=2, budget=FEWEST, random_state=0)
OBJECTS = {
    "NetClassifier": of(ALL, 6, classify, *NETS),
    "NetClassifier, refined": of(ALL, 2, refine_again, *NETS[:2]),
    "ISDAClassifier": of(ALL, 6, classify, *ISDAS),
    "ISDALogisticRegression": of(
        TABLES, 5, classify, ISDALogisticRegression(C=1.0, temperature=1.0, max_iter=50)
    ),
    "ISDALogisticRegression, cv": of(
        TABLES, 2, classify, ISDALogisticRegression(cv=2, max_iter=50)
    ),
    "ResampledClassifier": of(
        TABLES, 4, classify, ResampledClassifier(NOISE, LogisticRegression())
    ),
    "losses of skaug.baselines": of(TABLES, 3, classify, *RIVALS),
    "GANs of skaug.baselines": of(ALL, 3, classify, *GENERATED),
    "PriorShift": of(TABLES, 3, classify, PriorShift(LogisticRegression())),
    "PriorShift, frozen": of(TABLES, 3, frozen_prior, PriorShift(LogisticRegression())),
    "IHDAFinetuner": of(TABLES, 5, classify, *FINETUNERS),
    "HardRegionSampler": of(TABLES, 8, resample_rows, *SAMPLERS),
    "InfluenceAugmenter": of(TABLES, 4, augment, *AUGMENTERS),
    "LastLayerInfluence": of(TABLES, 4, influence, LastLayerInfluence(random_state=0)),
    "PretrainedFeatures": of(MIXED, 4, transform, PretrainedFeatures(nn.Flatten())),
    "AugmentationSearchCV": of(TABLES, 1, classify, SEARCH),
    "MagnitudeSpectrum": of(SIGNALS, 5, transform, MagnitudeSpectrum()),
    "plain_twin": of(TABLES, 2, twin, *FINETUNERS[:2], ISDA, *NETS[4:]),
    "report": of(TABLES, 1, card, *NETS[:3], ISDA),
    "load": (TABLES, 1, damaged_model),
    "potential": (TABLES, 4, partial(potentials, potential)),
    "kernel_sums": (TABLES, 2, partial(potentials, kernel_sums)),
    "potential_grid": (TABLES, 2, grid),
    "class_potentials": (TABLES, 3, potentials_of_others),
    "auto_radius": (TABLES, 3, radius_of_rows),
    "hardness": (TABLES, 3, hardness_of_rows),
    "suspicious_labels": (TABLES, 3, doubts),
    "error_doubts": (TABLES, 2, doubts_of_predictions),
    "expected_calibration_error": (TABLES, 2, calibration),
    "worst_group_accuracy": (TABLES, 2, worst_group),
    "generators": of(TABLES, 6, generate, *GENERATORS),
    "transforms of tables": of(TABLES, 2, change_batch, *OF_TABLES),
    "transforms of signals": of(SIGNALS, 3, change_batch, *OF_SIGNALS),
    "transforms of images": of(("images",), 4, change_batch, *OF_IMAGES),
    "fit_vae": (TABLES, 2, autoencoder),
    "sample_latent": (TABLES, 1, latent),
    "ISDALoss": (TABLES, 3, loss),
    "ClassCovariance": (TABLES, 3, covariance),
    "best_temperature": (TABLES, 1, temperature),
    "level_skip_probability": (TABLES, 1, skips),
    "frame_segments": (SIGNALS, 4, cut),
    "fill_gaps": (SIGNALS, 3, gaps),
    "resample": (SIGNALS, 3, rates),
    "recordings_from_table": (TABLES, 3, recordings),
    "frames_from_table": (TABLES, 3, frames),
    "read_file": (TABLES, 3, file_of),
}
