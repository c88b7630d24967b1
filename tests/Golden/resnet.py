"""Golden logits, gradients and running statistics of a residual network, from an implementation of its own.

Nothing is shared with the program: convolutions are sums over shifted images, batch normalisation is its formula, and shortcuts join
zeros. Arithmetic is in 64 bits. Run with Debian's python3-torch:

    python3 tests/Golden/resnet.py

It writes tests/Golden/data/resnet-*.safetensors: `input`, `labels`, `logits` while training, `loss`, `weight.NAME`, `gradient.NAME`,
`before.NAME` and `after.NAME` of the running statistics, `evaluated` (the logits with the statistics after the step), and the config.
"""
import json
import math
import os
import struct

import torch
from torch.nn import functional as F

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")


def convolve(x, kernel, stride):
    """Sums over the kernel's positions of a shifted image times a matrix."""
    B, C, Y, X = x.shape
    O, _, K, _ = kernel.shape
    border = K // 2
    filled = torch.zeros(B, C, Y + 2 * border, X + 2 * border)
    filled[:, :, border:border + Y, border:border + X] = x
    rows, columns = (Y + stride - 1) // stride, (X + stride - 1) // stride
    y = torch.zeros(B, O, rows, columns)
    for i in range(K):
        for j in range(K):
            part = filled[:, :, i:i + Y, j:j + X][:, :, ::stride, ::stride]
            y = y + torch.einsum("bcyx,oc->boyx", part, kernel[:, :, i, j])
    return y


class Network:
    def __init__(self, channels, classes, width, layers):
        self.layers, self.weights, self.statistics = layers, {}, {}
        self.convolution("stem", channels, width)
        self.norm("stem_norm", width)
        inputs, block = width, 0
        for stage, count in enumerate(layers):
            for _ in range(count):
                outputs = width << stage
                self.convolution(f"blocks.{block}.conv1", inputs, outputs)
                self.norm(f"blocks.{block}.norm1", outputs)
                self.convolution(f"blocks.{block}.conv2", outputs, outputs)
                self.norm(f"blocks.{block}.norm2", outputs)
                inputs, block = outputs, block + 1
        self.weights["head.weight"], self.weights["head.bias"] = torch.randn(classes, inputs) / math.sqrt(inputs), torch.randn(classes) / 2
        # Rounded to what the file holds.
        for name in self.weights:
            self.weights[name] = self.weights[name].float().double().requires_grad_()

    def convolution(self, name, inputs, outputs):
        self.weights[name + ".weight"] = torch.randn(outputs, inputs, 3, 3) * 1.2 / math.sqrt(9 * inputs)

    def norm(self, name, channels):
        self.weights[name + ".weight"], self.weights[name + ".bias"] = 1 + torch.randn(channels) / 2, torch.randn(channels) / 2
        self.statistics[name + ".mean"] = (torch.randn(channels) / 2).float().double()
        self.statistics[name + ".variance"] = (0.5 + torch.rand(channels)).float().double()

    def normalise(self, x, name, training):
        if training:
            count = x.numel() // x.shape[1]
            mean = x.sum((0, 2, 3)) / count
            variance = ((x - mean[None, :, None, None]) ** 2).sum((0, 2, 3)) / count
            # The average follows the unbiased variance.
            for key, now in ((".mean", mean), (".variance", variance * count / (count - 1))):
                self.statistics[name + key] = 0.9 * self.statistics[name + key] + 0.1 * now.detach()
        else:
            mean, variance = self.statistics[name + ".mean"], self.statistics[name + ".variance"]
        scale = self.weights[name + ".weight"] / torch.sqrt(variance + 1e-5)
        return (x - mean[None, :, None, None]) * scale[None, :, None, None] + self.weights[name + ".bias"][None, :, None, None]

    def logits(self, x, training):
        def layer(x, name, norm, stride=1):
            return self.normalise(convolve(x, self.weights[name + ".weight"], stride), norm, training)

        x = torch.clamp(layer(x, "stem", "stem_norm"), min=0)
        block = 0
        for stage, count in enumerate(self.layers):
            for i in range(count):
                stride = 2 if stage > 0 and i == 0 else 1
                at = f"blocks.{block}."
                h = torch.clamp(layer(x, at + "conv1", at + "norm1", stride), min=0)
                h = layer(h, at + "conv2", at + "norm2")
                short = x[:, :, ::stride, ::stride]
                short = torch.cat([short, torch.zeros(x.shape[0], h.shape[1] - x.shape[1], *short.shape[2:])], 1)
                x = torch.clamp(h + short, min=0)
                block += 1
        return x.mean((2, 3)) @ self.weights["head.weight"].t() + self.weights["head.bias"]


def save(name, size, channels, classes, width, layers, batch):
    torch.manual_seed(len(name))
    network = Network(channels, classes, width, layers)
    images = torch.randn(batch, channels, size, size).float().double()
    labels = torch.randint(classes, (batch,))
    tensors = {"input": images, "labels": labels}
    tensors.update({"before." + key: value for key, value in network.statistics.items()})
    logits = network.logits(images, training=True)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    tensors.update({"logits": logits, "loss": loss})
    for key, weight in network.weights.items():
        tensors["weight." + key], tensors["gradient." + key] = weight, weight.grad
    tensors.update({"after." + key: value for key, value in network.statistics.items()})
    tensors["evaluated"] = network.logits(images, training=False)
    header, data = {"__metadata__": {"config": f"model: {{ kind: resnet, size: {size}, channels: {channels}, classes: {classes}, width: {width}, layers: {layers} }}"}}, b""
    for key, tensor in tensors.items():
        kind = "I64" if tensor.dtype == torch.long else "F32"
        raw = (tensor if kind == "I64" else tensor.float()).detach().contiguous().numpy().tobytes()
        header[key] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(FOLDER, name + ".safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    print(name, [round(x, 4) for x in logits[0].tolist()])


torch.set_default_dtype(torch.float64)
save("resnet-even", 8, 3, 5, 4, [1, 2, 1], 3)
save("resnet-odd", 9, 1, 4, 3, [2, 1], 4)
