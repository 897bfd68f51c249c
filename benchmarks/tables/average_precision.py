"""Mean average precision of detections, by the eleven points of PASCAL VOC 2007.

Libraries compute that of COCO, which has other points.
"""

import numpy as np
import torch

from skaug.transforms.torchvision import torchvision

OVERLAP = 0.5
RECALLS = np.arange(11) / 10


def mean_average_precision(found, true):
    """Mean over the classes, in percent.

    Parameters
    ----------
    found : list of dict
        Of each image: ``boxes`` (n, 4), ``labels`` (n,) and ``scores`` (n,).
    true : list of dict
        Of each image: ``boxes`` (m, 4), ``labels`` (m,) and ``difficult`` (m,), which
        says of which objects it counts nothing whether they are found.

    Returns
    -------
    percent : float
        100 if all objects are found, and nothing else.
    """
    labels = torch.cat([image["labels"][~image["difficult"]] for image in true])
    return 100 * np.mean([_of_class(found, true, k) for k in labels.unique().tolist()])


def _of_class(found, true, label):
    """Average precision of a class."""
    n_objects, scores, hits = 0, [], []
    for detections, objects in zip(found, true):
        objects = _of_label(objects, label)
        n_objects += int((~objects["difficult"]).sum())
        for score, hit in _judged(_of_label(detections, label), objects):
            scores.append(score)
            hits.append(hit)
    n_hits = np.array(hits, int)[np.argsort(-np.array(scores), kind="stable")].cumsum()
    precision = n_hits / np.arange(1, len(n_hits) + 1)
    recall = n_hits / n_objects
    return np.mean([precision[recall >= least].max(initial=0) for least in RECALLS])


def _of_label(image, label):
    return {name: one[image["labels"] == label] for name, one in image.items()}


def _judged(detections, objects):
    """Yield the score of each detection of an image, and whether it is a hit."""
    overlaps = torchvision.ops.box_iou(detections["boxes"], objects["boxes"])
    taken = set()
    for row in detections["scores"].argsort(descending=True).tolist():
        overlap, best = overlaps[row].max(0) if len(objects["boxes"]) else (0, None)
        is_near = overlap >= OVERLAP
        if is_near and objects["difficult"][best]:
            continue
        yield float(detections["scores"][row]), bool(is_near and int(best) not in taken)
        if is_near:  # an object is found once
            taken.add(int(best))
