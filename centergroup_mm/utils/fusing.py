"""The form of a model in which it predicts fastest: without batch norms of its own."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def fuse_for_inference(model: nn.Module) -> nn.Module:
    """Fold batch norms into the convolutions before them, and order weights as the CPU likes.

    A batch norm in evaluation mode multiplies each channel by a constant and adds another, which
    the weights of the convolution can do as well. Its pass over the map, as long as the memory
    takes to deliver it, is then saved. On a CPU, weights become channels-last. Outputs stay the
    same up to float rounding.

    Batch norms are replaced by ``nn.Identity``. The model can therefore neither be trained nor be
    loaded from a checkpoint any more; the one that is given is changed.

    Args:
        model: with all of its weights. It is put into evaluation mode. A batch norm belongs to the
            convolution that its parent module holds directly before it, as in the backbones of
            MMPose; others stay.

    Returns:
        the model.
    """
    model.eval().requires_grad_(False)
    for parent, name, convolution, norm in list(_pairs(model)):
        transposed = isinstance(convolution, nn.ConvTranspose2d)
        exact = copy.deepcopy(norm).double()
        weight, bias = fuse_conv_bn_weights(
            convolution.weight.double(),
            None if convolution.bias is None else convolution.bias.double(),
            exact.running_mean,
            exact.running_var,
            exact.eps,
            exact.weight,
            exact.bias,
            transposed,
        )
        dtype = convolution.weight.dtype
        convolution.weight = nn.Parameter(weight.detach().to(dtype), requires_grad=False)
        convolution.bias = nn.Parameter(bias.detach().to(dtype), requires_grad=False)
        setattr(parent, name, nn.Identity())
    if next((p.device.type for p in model.parameters()), 'cpu') == 'cpu':
        model.to(memory_format=torch.channels_last)
    return model


def _pairs(model: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module, nn.Module]]:
    """Parent, name of the norm, convolution and norm, wherever one follows the other."""
    for parent in model.modules():
        before: nn.Module | None = None
        for name, child in parent.named_children():
            norm = isinstance(child, nn.BatchNorm2d) and child.track_running_stats
            if norm and _fits(before, child):
                assert before is not None
                yield parent, name, before, child
            before = child


def _fits(convolution: nn.Module | None, norm: nn.Module) -> bool:
    """Whether a batch norm can be folded into what is before it."""
    if not isinstance(convolution, _CONVOLUTIONS):
        return False
    # the weights of a transposed convolution with groups have another order
    simple = isinstance(convolution, nn.Conv2d) or convolution.groups == 1
    return simple and convolution.out_channels == norm.num_features
