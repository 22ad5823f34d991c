"""Weights of a folded network in units in which one learning rate fits all of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


class Scaled(nn.Module):
    """A parameter that is a constant scale times what the optimizer sees.

    Args:
        scale: of the parameter's shape or one that broadcasts to it.
    """

    scale: Tensor

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer('scale', scale)

    def forward(self, value: Tensor) -> Tensor:
        """Parameter of the layer from that of the optimizer."""
        return value * self.scale

    def right_inverse(self, value: Tensor) -> Tensor:
        """Parameter of the optimizer from that of the layer."""
        return value / self.scale


@torch.no_grad()
def balance(model: nn.Module, run: Callable[[], object]) -> None:
    """Scale the convolutions' parameters by what goes in and comes out of them.

    Folding a batch norm into its convolution leaves weights whose size depends on the units of
    the channels around it: in MoveNet, layers with weights of 0.0005 and others with weights of
    1,000. A step that is right for one destroys the other. Here, a weight from input channel i to
    output channel o is expressed in units of (deviation of o) / (root mean square of i), a bias in
    units of the deviation of o, as a network with batch norm has them.

    Args:
        model: its ``Conv2d`` are changed in place; the function it computes is the same.
        run: runs the model on typical images, without gradients.
    """
    seen: dict[nn.Conv2d, list[Tensor]] = {}

    def record(layer: nn.Conv2d, inputs: tuple[Tensor], output: Tensor) -> None:
        over = (0, 2, 3)
        numbers = inputs[0].float().square().mean(over), output.float().var(over)
        seen.setdefault(layer, []).append(torch.cat(numbers))

    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    hooks = [layer.register_forward_hook(record) for layer in layers]
    run()
    for hook in hooks:
        hook.remove()
    for layer in layers:
        if layer not in seen:
            continue
        mean = torch.stack(seen[layer]).mean(0).sqrt()
        incoming, outgoing = mean.split([layer.in_channels, layer.out_channels])
        # Channels that are nearly always zero must not get huge steps.
        incoming = incoming.clamp(min=max(0.1 * float(incoming.median()), 1e-6))
        outgoing = outgoing.clamp(min=max(0.1 * float(outgoing.median()), 1e-6))
        if layer.groups == 1:
            scale = outgoing[:, None] / incoming
        else:  # depthwise: each output channel reads its own input channel
            scale = (outgoing / incoming)[:, None]
        parametrize.register_parametrization(layer, 'weight', Scaled(scale[..., None, None]))
        if layer.bias is not None:
            parametrize.register_parametrization(layer, 'bias', Scaled(outgoing))


def unbalance(model: nn.Module) -> None:
    """Give the convolutions plain parameters again, with their current values."""
    for module in list(model.modules()):
        if isinstance(module, nn.Conv2d) and parametrize.is_parametrized(module):
            for name in list(module.parametrizations):
                parametrize.remove_parametrizations(module, name)
