"""Golden logits and gradients of ViT and Swin, from an implementation of their own.

Nothing is shared with the program: patches are a convolution, ViT's attention is PyTorch's own module, and Swin's
attention runs over the whole grid at once under one explicit mask, without windows, rolls or partitions. Arithmetic is in
64 bits. Run with Debian's python3-torch:

    python3 tests/Golden/vision_models.py

It writes tests/Golden/data/{vit,swin}-*.safetensors: `input`, `labels`, `logits`, `loss`, `weight.NAME`, `gradient.NAME`
under the program's names, and the config in the metadata.
"""
import json
import math
import os
import struct

import torch
from torch import nn
from torch.nn import functional as F

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")


class VitLayer(nn.Module):
    def __init__(self, width, heads, hidden, scale):
        super().__init__()
        self.first = nn.LayerNorm(width, eps=1e-6)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.second = nn.LayerNorm(width, eps=1e-6)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.scales = nn.ParameterList([nn.Parameter(torch.ones(width)) for _ in range(2)]) if scale else None

    def forward(self, x):
        h = self.first(x)
        h = self.attention(h, h, h, need_weights=False)[0]
        x = x + (h * self.scales[0] if self.scales is not None else h)
        h = self.down(F.gelu(self.up(self.second(x))))
        return x + (h * self.scales[1] if self.scales is not None else h)

    def names(self, at):
        yield from (("attention.packed.weight", self.attention.in_proj_weight), ("attention.packed.bias", self.attention.in_proj_bias),
                    ("attention.output.weight", self.attention.out_proj.weight), ("attention.output.bias", self.attention.out_proj.bias),
                    ("attentionResidual.norm.weight", self.first.weight), ("attentionResidual.norm.bias", self.first.bias),
                    ("feedForward.up.weight", self.up.weight), ("feedForward.up.bias", self.up.bias),
                    ("feedForward.down.weight", self.down.weight), ("feedForward.down.bias", self.down.bias),
                    ("feedForwardResidual.norm.weight", self.second.weight), ("feedForwardResidual.norm.bias", self.second.bias))
        if self.scales is not None:
            yield from (("attentionResidual.scale.weight", self.scales[0]), ("feedForwardResidual.scale.weight", self.scales[1]))


def sincos(rows, columns, width):
    """One position at a time, from the formula."""
    table = torch.zeros(rows, columns, width)
    quarter = width // 4
    for y in range(rows):
        for x in range(columns):
            for i in range(quarter):
                rate = 10000.0 ** (-i / quarter)
                table[y, x, i], table[y, x, quarter + i] = math.sin(x * rate), math.cos(x * rate)
                table[y, x, 2 * quarter + i], table[y, x, 3 * quarter + i] = math.sin(y * rate), math.cos(y * rate)
    return table


class Vit(nn.Module):
    def __init__(self, size, channels, classes, patch, width, heads, layers, learned, cls, scale):
        super().__init__()
        self.patch = nn.Conv2d(channels, width, patch, patch)
        side = size // patch
        self.table = nn.Parameter(torch.zeros(1, width, side, side)) if learned else None
        self.token = nn.Parameter(torch.zeros(width)) if cls else None
        self.position = nn.Parameter(torch.zeros(width)) if cls and learned else None
        self.layers = nn.ModuleList([VitLayer(width, heads, 4 * width, scale) for _ in range(layers)])
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def forward(self, images):
        grid = self.patch(images)
        B, D, Y, X = grid.shape
        if self.table is not None:
            grid = grid + (self.table if self.table.shape[2:] == (Y, X) else F.interpolate(self.table, (Y, X), mode="bicubic", align_corners=False))
        else:
            grid = grid + sincos(Y, X, D).permute(2, 0, 1)
        x = grid.flatten(2).transpose(1, 2)
        if self.token is not None:
            token = self.token if self.position is None else self.token + self.position
            x = torch.cat([token.expand(B, 1, D), x], 1)
        for layer in self.layers:
            x = layer(x)
        x = self.norm(x)
        return self.head(x[:, 0] if self.token is not None else x.mean(1))

    def names(self):
        yield from (("patches.weight", self.patch.weight), ("patches.bias", self.patch.bias))
        if self.token is not None: yield "classToken", self.token
        if self.position is not None: yield "positions.class", self.position
        if self.table is not None: yield "positions.table", self.table
        for i, layer in enumerate(self.layers):
            for name, tensor in layer.names(i):
                yield f"blocks.{i}.{name}", tensor
        yield from (("norm.weight", self.norm.weight), ("norm.bias", self.norm.bias), ("head.weight", self.head.weight), ("head.bias", self.head.bias))


class SwinLayer(nn.Module):
    def __init__(self, width, heads, window, shifted, masked):
        super().__init__()
        self.heads, self.window, self.shifted, self.masked = heads, window, shifted, masked
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))

    def attend(self, x):
        """Every position of the filled-up grid against every other, under one mask."""
        B, Y, X, D = x.shape
        wy, wx = min(self.window, Y), min(self.window, X)
        sy = self.window // 2 if self.shifted and Y > self.window else 0
        sx = self.window // 2 if self.shifted and X > self.window else 0
        height, width = math.ceil(Y / wy) * wy, math.ceil(X / wx) * wx
        x = F.pad(x, (0, 0, 0, width - X, 0, height - Y)).reshape(B, height * width, D)
        E = D // self.heads
        q, k, v = self.qkv(x).reshape(B, height * width, 3, self.heads, E).permute(2, 0, 3, 1, 4)
        positions = [(y, x) for y in range(height) for x in range(width)]
        index = torch.zeros(len(positions), len(positions), dtype=torch.long)
        seen = torch.zeros(len(positions), len(positions), dtype=torch.bool)
        W = self.window
        for i, (y, x_) in enumerate(positions):
            for j, (v_, u) in enumerate(positions):
                together = (y - sy) // wy == (v_ - sy) // wy and (x_ - sx) // wx == (u - sx) // wx
                hidden = self.masked and (v_ >= Y or u >= X) and i != j
                seen[i, j] = together and not hidden
                if together:
                    index[i, j] = (y - v_ + W - 1) * (2 * W - 1) + x_ - u + W - 1
        scores = q @ k.transpose(-2, -1) / math.sqrt(E) + self.table[index].permute(2, 0, 1)
        weights = scores.masked_fill(~seen, -math.inf).softmax(-1)
        y = (weights @ v).transpose(1, 2).reshape(B, height, width, D)
        return self.output(y)[:, :Y, :X]

    def forward(self, x):
        x = x + self.attend(self.first(x))
        return x + self.down(F.gelu(self.up(self.second(x))))

    def names(self):
        yield from (("attention.packed.weight", self.qkv.weight), ("attention.packed.bias", self.qkv.bias),
                    ("attention.output.weight", self.output.weight), ("attention.output.bias", self.output.bias), ("positions.table", self.table),
                    ("attentionResidual.norm.weight", self.first.weight), ("attentionResidual.norm.bias", self.first.bias),
                    ("feedForward.up.weight", self.up.weight), ("feedForward.up.bias", self.up.bias),
                    ("feedForward.down.weight", self.down.weight), ("feedForward.down.bias", self.down.bias),
                    ("feedForwardResidual.norm.weight", self.second.weight), ("feedForwardResidual.norm.bias", self.second.bias))


class Merge(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.reduction = nn.LayerNorm(4 * width), nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x):
        x = F.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        return self.reduction(self.norm(torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)))


class Swin(nn.Module):
    def __init__(self, channels, classes, patch, width, layers, heads, window, masked):
        super().__init__()
        self.side = patch
        self.patch = nn.Conv2d(channels, width, patch, patch)
        self.patch_norm = nn.LayerNorm(width)
        self.stages = nn.ModuleList([nn.ModuleList([SwinLayer(width << s, heads[s], window, i % 2 == 1, masked) for i in range(n)]) for s, n in enumerate(layers)])
        self.merges = nn.ModuleList([Merge(width << s) for s in range(len(layers) - 1)])
        self.norm = nn.LayerNorm(width << len(layers) - 1)
        self.head = nn.Linear(width << len(layers) - 1, classes)

    def forward(self, images):
        P = self.side
        x = self.patch(F.pad(images, (0, -images.shape[3] % P, 0, -images.shape[2] % P))).permute(0, 2, 3, 1)
        x = self.patch_norm(x)
        for s, stage in enumerate(self.stages):
            if s > 0: x = self.merges[s - 1](x)
            for layer in stage: x = layer(x)
        return self.head(self.norm(x).mean((1, 2)))

    def names(self):
        yield from (("patches.weight", self.patch.weight), ("patches.bias", self.patch.bias), ("patchNorm.weight", self.patch_norm.weight), ("patchNorm.bias", self.patch_norm.bias))
        for i, layer in enumerate(layer for stage in self.stages for layer in stage):
            for name, tensor in layer.names():
                yield f"blocks.{i}.{name}", tensor
        for i, merge in enumerate(self.merges):
            yield from ((f"merges.{i}.norm.weight", merge.norm.weight), (f"merges.{i}.norm.bias", merge.norm.bias), (f"merges.{i}.reduction.weight", merge.reduction.weight))
        yield from (("norm.weight", self.norm.weight), ("norm.bias", self.norm.bias), ("head.weight", self.head.weight), ("head.bias", self.head.bias))


def write(path, tensors, metadata):
    header, data = {"__metadata__": metadata}, b""
    for name, tensor in tensors.items():
        kind = "I64" if tensor.dtype == torch.long else "F32"
        raw = (tensor if kind == "I64" else tensor.float()).detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def save(name, config, model, shape, classes):
    torch.manual_seed(len(name))
    for key, parameter in model.names():
        # Every weight, bias and gain is its own number, so that one that is left out shows; rounded to what the file holds.
        spread = 0.5 if parameter.dim() < 2 else 1.2 / math.sqrt(parameter[0].numel())
        parameter.data.normal_(1 if key.endswith("orm.weight") else 0, spread).copy_(parameter.data.float())
    images = torch.randn(shape).float().double()
    labels = torch.randint(classes, (shape[0],))
    logits = model(images)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    tensors = {"input": images, "labels": labels, "logits": logits, "loss": loss}

    def grid(key, tensor):
        # The program keeps ViT's table as rows, columns, width.
        return tensor[0].permute(1, 2, 0) if key == "positions.table" and tensor.dim() == 4 else tensor

    for key, parameter in model.names():
        tensors["weight." + key], tensors["gradient." + key] = grid(key, parameter), grid(key, parameter.grad)
    assert len({id(p) for _, p in model.names()}) == len(list(model.parameters()))
    write(os.path.join(FOLDER, name + ".safetensors"), tensors, {"config": "model: " + config})
    print(name, [round(x, 4) for x in logits[0].tolist()])


torch.set_default_dtype(torch.float64)
os.makedirs(FOLDER, exist_ok=True)
save("vit-cls", "{ kind: vit, size: 21, channels: 3, classes: 5, patch: 3, layers: 2, heads: 4, width: 16 }",
     Vit(21, 3, 5, 3, 16, 4, 2, True, True, False), (2, 3, 21, 21), 5)
save("vit-mean", "{ kind: vit, size: 10, channels: 1, classes: 4, patch: 2, layers: 2, heads: 3, width: 12, pool: mean, positions: { kind: sinusoidal }, layer_scale: 0.1 }",
     Vit(10, 1, 4, 2, 12, 3, 2, False, False, True), (3, 1, 10, 10), 4)
save("vit-resized", "{ kind: vit, size: 20, channels: 3, classes: 5, patch: 4, layers: 1, heads: 2, width: 8 }",
     Vit(20, 3, 5, 4, 8, 2, 1, True, True, False), (2, 3, 28, 12), 5)
save("vit-pixels", "{ kind: vit, size: 5, channels: 1, classes: 3, patch: 1, layers: 1, heads: 2, width: 8 }",
     Vit(5, 1, 3, 1, 8, 2, 1, True, True, False), (2, 1, 5, 5), 3)
swin = "{{ kind: swin, size: {0}, channels: {1}, classes: 5, patch: 2, width: 8, layers: {2}, heads: {3}, window: {4}, padding: {5} }}"
save("swin-even", swin.format(16, 3, [2, 2], [2, 4], 4, "masked"), Swin(3, 5, 2, 8, [2, 2], [2, 4], 4, True), (2, 3, 16, 16), 5)
save("swin-odd-zeros", swin.format(27, 1, [2, 2, 1], [2, 2, 4], 5, "zeros"), Swin(1, 5, 2, 8, [2, 2, 1], [2, 2, 4], 5, False), (2, 1, 27, 23), 5)
save("swin-odd-masked", swin.format(27, 1, [2, 2, 1], [2, 2, 4], 5, "masked"), Swin(1, 5, 2, 8, [2, 2, 1], [2, 2, 4], 5, True), (2, 1, 27, 23), 5)
