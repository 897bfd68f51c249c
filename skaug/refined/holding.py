"""Hold the learning rate and the input statistics in refinement."""

from torch import nn

from skaug.net.input_norm import InputNorm
from skaug.refined.mixing import unmix

# If no rate is given, refinement takes at least this share of the initial rate. The
# schedule may have reached 0, with which nothing would be refined. The paper's lowest
# share is 1/1000 (ImageNet).
LOWEST_RATE = 1e-3
# The same for a network whose training had ended. Of rates from 3 to 1000 thousandths,
# this one lowered the loss of clean rows on digits, UCI HAR and Fashion-MNIST alike and
# did not raise that of held-out training rows; 10 and more raised it on Fashion-MNIST.
LOWEST_AFTER_THE_END = 3e-3


def refinement_rates(net, refine_lr, *, first, after_the_end=False):
    """Learning rates of an epoch of refinement, one for each group of parameters."""
    groups = net.optimizer_.param_groups
    if refine_lr is not None:
        return [float(refine_lr)] * len(groups)
    # The first epoch takes the rates of the schedule, and the others go on with these.
    if not first and net.history[-2].get("refining"):
        rates = net.history[-2]["lr"]
        return rates if isinstance(rates, list) else [rates]
    lowest = LOWEST_AFTER_THE_END if after_the_end else LOWEST_RATE
    return [
        max(group["lr"], lowest * group.get("initial_lr", group["lr"]))
        for group in groups
    ]


def hold_rates(net, rates):
    """Take steps at these rates, and let schedulers go on from their own."""
    # Accelerate's optimizer has torch's inside, and takes no hooks itself.
    optimizer = getattr(net.optimizer_, "optimizer", net.optimizer_)
    for group, rate in zip(optimizer.param_groups, rates):
        group["held_lr"] = rate
    if not getattr(optimizer, "holds_lr", False):  # lost, as hooks are, in a copy
        optimizer.register_step_pre_hook(_before_step)
        optimizer.register_step_post_hook(_after_step)
        optimizer.holds_lr = True


def _before_step(optimizer, args, kwargs):
    for group in optimizer.param_groups:
        if "held_lr" in group:
            group["scheduled_lr"], group["lr"] = group["lr"], group["held_lr"]


def _after_step(optimizer, args, kwargs):
    for group in optimizer.param_groups:
        if "scheduled_lr" in group:
            group["lr"] = group.pop("scheduled_lr")


def hold_averages(module, *, every=False):
    """Let layers that average over all batches use their averages in training too."""
    # Predictions use these averages, which are mostly those of augmented batches. In
    # training the layer would otherwise use the statistics of a clean batch. With
    # ``every``, layers that forget old batches hold theirs too.
    for layer in module.modules():
        if isinstance(layer, InputNorm) or (
            isinstance(layer, nn.modules.batchnorm._NormBase)
            and (every or layer.momentum is None)
        ):
            layer.register_forward_pre_hook(_use_averages)


def _use_averages(layer, args):
    # The network as a whole is set to training before each step.
    if getattr(layer, "track_running_stats", True):
        layer.eval()


def let_go(net):
    """Leave nothing of a step, even if the step was interrupted."""
    for layer in net.module_.modules():
        for key, hook in list(layer._forward_pre_hooks.items()):
            if hook is _use_averages:
                del layer._forward_pre_hooks[key]
                layer.train(net.module_.training)
    _after_step(net.optimizer_, (), {})
    for group in net.optimizer_.param_groups:
        group.pop("held_lr", None)
    unmix(net.module_)
