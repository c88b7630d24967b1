"""Golden values of the GPT: an implementation of its own in plain PyTorch, shared with nothing in src.

Run: /usr/bin/python3 tests/Golden/gpt.py   (needs python3-torch). Writes tests/Golden/data/gpt-*.safetensors, each with
the weights, the input ids and targets, the logits, the loss and every gradient; the case's settings are in the metadata.
"""
import json
import math
import os
import struct

import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
VOCABULARY, WIDTH, HEADS, LAYERS, CONTEXT, BATCH, LENGTH = 13, 16, 4, 2, 12, 2, 9

CASES = {
    "learned": dict(positions="learned"),
    "sinusoidal": dict(positions="sinusoidal"),
    "rotary": dict(positions="rotary"),
    "alibi": dict(positions="alibi"),
    "relative": dict(positions="relative"),
    "none": dict(positions="none"),
    "post-norm": dict(positions="sinusoidal", placement="post", feed_forward="relu", bias=True),
    "rms-swiglu-grouped": dict(positions="rotary", norm="rms", feed_forward="swiglu", groups=2),
    "post-rms": dict(positions="learned", norm="rms", placement="post", feed_forward="swiglu"),
    "gelu-tanh-bias": dict(positions="learned", feed_forward="gelu_tanh", bias=True),
    "multi-query-untied": dict(positions="alibi", groups=1, tied=False),
    "relu-relative-grouped": dict(positions="relative", feed_forward="relu", groups=2, placement="post"),
}
DEFAULTS = dict(norm="layer", placement="pre", feed_forward="gelu", bias=False, groups=HEADS, tied=True)


def write_safetensors(path, tensors, metadata):
    header, offset, blobs = {"__metadata__": metadata}, 0, []
    for name in sorted(tensors):
        array = tensors[name].detach().contiguous().numpy()
        kind = {"float32": "F32", "int64": "I64"}[str(array.dtype)]
        blob = array.tobytes()
        header[name] = dict(dtype=kind, shape=list(array.shape), data_offsets=[offset, offset + len(blob)])
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def hidden_width(kind):
    return (8 * WIDTH // 3 + 7) // 8 * 8 if kind == "swiglu" else 4 * WIDTH


def make_weights(case, generator):
    head, groups = WIDTH // HEADS, case["groups"]
    shapes = {"tokens.weight": (VOCABULARY, WIDTH)}
    if case["positions"] == "learned":
        shapes["positions.embedding.weight"] = (CONTEXT, WIDTH)
    if case["positions"] == "relative":
        shapes["positions.table.weight"] = (8, HEADS)
    inner = hidden_width(case["feed_forward"])
    layer_bias = case["bias"] and case["norm"] == "layer"
    for layer in range(LAYERS):
        p = f"blocks.{layer}."
        linear = {
            "attention.packed": ((HEADS + 2 * groups) * head, WIDTH),
            "attention.output": (WIDTH, WIDTH),
            "feedForward.up": (inner * (2 if case["feed_forward"] == "swiglu" else 1), WIDTH),
            "feedForward.down": (WIDTH, inner),
        }
        for name, shape in linear.items():
            shapes[p + name + ".weight"] = shape
            if case["bias"]:
                shapes[p + name + ".bias"] = shape[:1]
        for name in ("attentionResidual.norm", "feedForwardResidual.norm"):
            shapes[p + name + ".weight"] = (WIDTH,)
            if layer_bias:
                shapes[p + name + ".bias"] = (WIDTH,)
    if case["placement"] == "pre":
        shapes["norm.weight"] = (WIDTH,)
        if layer_bias:
            shapes["norm.bias"] = (WIDTH,)
    if not case["tied"]:
        shapes["output.weight"] = (VOCABULARY, WIDTH)
    weights = {}
    for name, shape in shapes.items():
        centre = 1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0
        weights[name] = (centre + 0.3 * torch.randn(shape, generator=generator)).requires_grad_()
    return weights


def normalise(case, w, name, x):
    if case["norm"] == "rms":
        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-5) * w[name + ".weight"]
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    y = (x - mean) / torch.sqrt(variance + 1e-5) * w[name + ".weight"]
    return y + w[name + ".bias"] if name + ".bias" in w else y


def affine(w, name, x):
    y = x @ w[name + ".weight"].t()
    return y + w[name + ".bias"] if name + ".bias" in w else y


def sinusoid(length):
    table = torch.zeros(length, WIDTH, dtype=torch.float64)
    for position in range(length):
        for i in range(0, WIDTH, 2):
            angle = position / 10000 ** (i / WIDTH)
            table[position, i], table[position, i + 1] = math.sin(angle), math.cos(angle)
    return table.float()


def rotate(x):
    batch, heads, length, width = x.shape
    half = width // 2
    out = torch.empty_like(x)
    for position in range(length):
        for i in range(half):
            angle = position / 10000 ** (2 * i / width)
            c, s = math.cos(angle), math.sin(angle)
            a, b = x[:, :, position, i], x[:, :, position, i + half]
            out[:, :, position, i] = a * c - b * s
            out[:, :, position, i + half] = b * c + a * s
    return out


def bucket(distance, buckets=8, furthest=16):
    exact = buckets // 2
    if distance < exact:
        return distance
    return min(buckets - 1, exact + int(math.log(distance / exact) / math.log(furthest / exact) * (buckets - exact)))


def position_bias(case, w, length):
    bias = torch.zeros(HEADS, length, length)
    if case["positions"] == "alibi":
        for h in range(HEADS):
            slope = 2 ** (-8 * (h + 1) / HEADS)
            for t in range(length):
                for s in range(t + 1):
                    bias[h, t, s] = -slope * (t - s)
    if case["positions"] == "relative":
        rows = [[w["positions.table.weight"][bucket(max(0, t - s))] for s in range(length)] for t in range(length)]
        bias = torch.stack([torch.stack(row) for row in rows]).permute(2, 0, 1)
    return bias


def attend(case, w, prefix, x, bias):
    batch, length, _ = x.shape
    head, groups = WIDTH // HEADS, case["groups"]
    packed = affine(w, prefix + ".packed", x)
    q, k, v = torch.split(packed, [HEADS * head, groups * head, groups * head], -1)
    q = q.reshape(batch, length, HEADS, head).permute(0, 2, 1, 3)
    k = k.reshape(batch, length, groups, head).permute(0, 2, 1, 3)
    v = v.reshape(batch, length, groups, head).permute(0, 2, 1, 3)
    if case["positions"] == "rotary":
        q, k = rotate(q), rotate(k)
    outputs = []
    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    for h in range(HEADS):
        g = h // (HEADS // groups)
        scores = q[:, h] @ k[:, g].transpose(1, 2) / math.sqrt(head) + bias[h]
        outputs.append(torch.softmax(scores.masked_fill(future, float("-inf")), -1) @ v[:, g])
    return affine(w, prefix + ".output", torch.cat(outputs, -1))


def feed_forward(case, w, prefix, x):
    h = affine(w, prefix + ".up", x)
    kind = case["feed_forward"]
    if kind == "relu":
        h = torch.clamp(h, min=0)
    elif kind == "gelu":
        h = h * 0.5 * (1 + torch.erf(h / math.sqrt(2)))
    elif kind == "gelu_tanh":
        h = 0.5 * h * (1 + torch.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * h ** 3)))
    else:
        a, b = h.chunk(2, -1)
        h = a * torch.sigmoid(a) * b
    return affine(w, prefix + ".down", h)


def forward(case, w, ids):
    length = ids.shape[1]
    x = w["tokens.weight"][ids]
    if case["positions"] == "learned":
        x = x + w["positions.embedding.weight"][:length]
    if case["positions"] == "sinusoidal":
        x = x + sinusoid(length)
    bias = position_bias(case, w, length)
    for layer in range(LAYERS):
        p = f"blocks.{layer}."
        parts = [("attentionResidual.norm", lambda h: attend(case, w, p + "attention", h, bias)),
                 ("feedForwardResidual.norm", lambda h: feed_forward(case, w, p + "feedForward", h))]
        for norm, part in parts:
            x = x + part(normalise(case, w, p + norm, x)) if case["placement"] == "pre" else normalise(case, w, p + norm, x + part(x))
    if case["placement"] == "pre":
        x = normalise(case, w, "norm", x)
    return x @ w["tokens.weight" if case["tied"] else "output.weight"].t()


def main():
    os.makedirs(os.path.join(HERE, "data"), exist_ok=True)
    for number, (name, settings) in enumerate(CASES.items()):
        case = {**DEFAULTS, **settings}
        generator = torch.Generator().manual_seed(100 + number)
        weights = make_weights(case, generator)
        ids = torch.randint(0, VOCABULARY, (BATCH, LENGTH), generator=generator)
        targets = torch.randint(0, VOCABULARY, (BATCH, LENGTH), generator=generator)
        logits = forward(case, weights, ids)
        loss = F.cross_entropy(logits.reshape(-1, VOCABULARY), targets.reshape(-1))
        loss.backward()
        tensors = {"ids": ids, "targets": targets, "logits": logits, "loss": loss}
        tensors.update({"weight." + key: value for key, value in weights.items()})
        tensors.update({"gradient." + key: value.grad for key, value in weights.items()})
        write_safetensors(os.path.join(HERE, "data", f"gpt-{name}.safetensors"), tensors, {key: str(value) for key, value in case.items()})


if __name__ == "__main__":
    main()
