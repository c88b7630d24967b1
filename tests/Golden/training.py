#!/usr/bin/env python3
"""Six steps of training by PyTorch's own optimizer, schedule by formula, one sentence pair at a time: python3 training.py

Writes data/training.safetensors: the first weights of a small encoder-decoder under "weight.", and, after six steps with AdamW, a warm-up and
a cosine, label smoothing, clipped gradients and a moving average, the weights under "final." and their average under "average."; "out.losses"
and "out.norms" have each step's loss without smoothing and the gradient's norm before it is clipped. No pair is padded, and there is one pass
per pair, so the project's padding, masks and micro-batches have nothing in common with this. Arithmetic is in 64 bits.
"""
import json
import math
import os
import struct

import torch
from torch import nn
from torch.nn import functional as F

D, H, HIDDEN = 8, 2, 16
VOCABULARY = {**{c: i for i, c in enumerate("abcde")}, "<pad>": 5, "<s>": 6, "</s>": 7}
PAIRS = [("ab", "cade"), ("badce", "e"), ("c", "abcdeabc"), ("edcba", "abcde"), ("dd", "eea")]
STEPS, WARMUP, PEAK, LAST, SMOOTHING, CLIP, AVERAGE = 6, 2, 1e-2, 1e-3, 0.1, 1.0, 0.7


def shapes():
    yield "src_emb.weight", (len(VOCABULARY), D)
    for part, parts, norms in (("encoder.0.", ("attn.qkv",), 2), ("decoder.0.", ("attn.qkv", "cross_attn.q", "cross_attn.kv"), 3)):
        sizes = {"attn.qkv": 3 * D, "cross_attn.q": D, "cross_attn.kv": 2 * D}
        for name in parts:
            yield part + name + ".weight", (sizes[name], D)
            yield part + name + ".bias", (sizes[name],)
        for name in ("attn.proj", "cross_attn.proj")[:norms - 1]:
            yield part + name + ".weight", (D, D)
            yield part + name + ".bias", (D,)
        yield part + "mlp.up.weight", (HIDDEN, D)
        yield part + "mlp.up.bias", (HIDDEN,)
        yield part + "mlp.down.weight", (D, HIDDEN)
        yield part + "mlp.down.bias", (D,)
        for i in range(norms):
            yield f"{part}norm{i + 1}.weight", (D,)
            yield f"{part}norm{i + 1}.bias", (D,)


class Network:
    def __init__(self, weights):
        self.p = {name: nn.Parameter(weight.double()) for name, weight in weights.items()}

    def linear(self, x, name):
        return F.linear(x, self.p[name + ".weight"], self.p[name + ".bias"])

    def norm(self, x, name):
        return F.layer_norm(x, [D], self.p[name + ".weight"], self.p[name + ".bias"], 1e-5)

    def attend(self, q, k, v, causal=False):
        heads = []
        for h in range(H):
            part = slice(h * D // H, (h + 1) * D // H)
            scores = q[:, part] @ k[:, part].T / math.sqrt(D // H)
            if causal:
                scores = scores.masked_fill(torch.ones_like(scores).triu(1) > 0, -math.inf)
            heads.append(scores.softmax(-1) @ v[:, part])
        return torch.cat(heads, -1)

    def embed(self, ids):
        table = torch.zeros(len(ids), D, dtype=torch.float64)
        for t in range(len(ids)):
            for i in range(0, D, 2):
                table[t, i], table[t, i + 1] = math.sin(t / 10000 ** (i / D)), math.cos(t / 10000 ** (i / D))
        return self.p["src_emb.weight"][ids] * math.sqrt(D) + table

    def within(self, x, part, causal):
        q, k, v = self.linear(x, part + "attn.qkv").chunk(3, -1)
        return self.norm(x + self.linear(self.attend(q, k, v, causal), part + "attn.proj"), part + "norm1")

    def feed(self, x, part, norm):
        return self.norm(x + self.linear(self.linear(x, part + "mlp.up").relu(), part + "mlp.down"), part + norm)

    def logits(self, source, target):
        x = self.feed(self.within(self.embed(source), "encoder.0.", False), "encoder.0.", "norm2")
        y = self.within(self.embed(target), "decoder.0.", True)
        k, v = self.linear(x, "decoder.0.cross_attn.kv").chunk(2, -1)
        met = self.attend(self.linear(y, "decoder.0.cross_attn.q"), k, v)
        y = self.norm(y + self.linear(met, "decoder.0.cross_attn.proj"), "decoder.0.norm2")
        return self.feed(y, "decoder.0.", "norm3") @ self.p["src_emb.weight"].T


def rate(step):
    if step <= WARMUP:
        return PEAK * step / WARMUP
    return LAST + (PEAK - LAST) * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP))) / 2


def train(weights):
    network = Network(weights)
    matrices = [p for p in network.p.values() if p.dim() > 1]
    vectors = [p for p in network.p.values() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0}], betas=(0.8, 0.9), eps=1e-6)
    average = {name: p.detach().clone() for name, p in network.p.items()}
    losses, norms = [], []
    for step in range(1, STEPS + 1):
        smoothed, loss, count = 0, 0, 0
        for source, target in PAIRS:
            ids = [VOCABULARY[c] for c in target]
            end = [VOCABULARY["</s>"]]
            logits = network.logits(torch.tensor([VOCABULARY[c] for c in source] + end), torch.tensor([VOCABULARY["<s>"]] + ids))
            log = logits.log_softmax(-1)
            own = -log[range(len(ids) + 1), ids + end].sum()
            smoothed = smoothed + (1 - SMOOTHING) * own - SMOOTHING * log.mean(-1).sum()
            loss, count = loss + own.item(), count + len(ids) + 1
        optimizer.zero_grad()
        (smoothed / count).backward()
        norms.append(nn.utils.clip_grad_norm_(network.p.values(), CLIP).item())
        losses.append(loss / count)
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        optimizer.step()
        keep = min(AVERAGE, (1 + step) / (10 + step))
        for name, p in network.p.items():
            average[name] = keep * average[name] + (1 - keep) * p.detach()
    return losses, norms, {name: p.detach() for name, p in network.p.items()}, average


def write(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        raw = tensor.detach().to(torch.float32).contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def main():
    torch.manual_seed(20240229)
    weights = {}
    for name, shape in shapes():
        noise = torch.randn(shape)
        weights[name] = 0.3 * noise if len(shape) > 1 or not name.rsplit(".", 2)[1].startswith("norm") or name.endswith("bias") else 1 + 0.2 * noise
    losses, norms, final, average = train(weights)
    assert max(norms) > CLIP > min(norms), f"some steps must be clipped, and some not: {norms}"
    tensors = {"out.losses": torch.tensor(losses), "out.norms": torch.tensor(norms)}
    for prefix, named in (("weight.", weights), ("final.", final), ("average.", average)):
        tensors.update({prefix + name: tensor for name, tensor in named.items()})
    write(os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "training.safetensors"), tensors)


if __name__ == "__main__":
    main()
