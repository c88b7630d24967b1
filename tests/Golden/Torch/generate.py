#!/usr/bin/env python3
"""Writes golden.json: what PyTorch computes for the cases of tests/Torch.Tests.

Run with any PyTorch from 1.13 (on Debian: python3-torch): python3 tests/Golden/Torch/generate.py
"""
import json
import math
import os

import torch
import torch.nn.functional as F
from torch.optim import lr_scheduler as S

A = torch.tensor([[0.5, -1.25, 2.0], [1.5, 0.75, -0.3]])
B = torch.tensor([[1.2, 0.4, -0.7], [2.5, -1.1, 0.9]])
P = torch.tensor([[0.2, 0.5, 0.3], [0.7, 0.1, 0.2]])
I = torch.tensor([[2, 0, 1], [1, 1, 0]])
C = torch.tensor([2, 0])
IMAGE = torch.linspace(-1, 1, 50).reshape(1, 2, 5, 5)
KERNEL = torch.linspace(0.5, -0.5, 24).reshape(3, 2, 2, 2)

OPERATORS = {
    # a and b: real numbers; p: probabilities; i: indices; c: classes
    "exp": lambda: A.exp(), "expm1": lambda: A.expm1(), "log1p": lambda: P.log1p(), "log": lambda: P.log(), "sqrt": lambda: P.sqrt(),
    "rsqrt": lambda: P.rsqrt(), "sin": lambda: A.sin(), "cos": lambda: A.cos(), "tanh": lambda: A.tanh(), "erf": lambda: A.erf(),
    "abs": lambda: A.abs(), "sign": lambda: A.sign(), "floor": lambda: A.floor(), "round": lambda: A.round(), "round 1": lambda: A.round(decimals=1),
    "sigmoid": lambda: A.sigmoid(), "relu": lambda: A.relu(), "silu": lambda: F.silu(A), "gelu": lambda: F.gelu(A),
    "gelu tanh": lambda: F.gelu(A, approximate="tanh"), "softplus": lambda: F.softplus(A), "elu": lambda: F.elu(A), "leaky_relu": lambda: F.leaky_relu(A, 0.1),
    "hardswish": lambda: F.hardswish(A), "mish": lambda: F.mish(A), "softmax": lambda: A.softmax(1), "log_softmax": lambda: A.log_softmax(0),
    "add alpha": lambda: torch.add(A, B, alpha=2), "sub": lambda: A - B, "mul": lambda: A * B, "div": lambda: A / B,
    "div floor": lambda: torch.div(A, B, rounding_mode="floor"), "floor_divide": lambda: torch.floor_divide(A, B), "remainder": lambda: A % B, "fmod": lambda: A.fmod(B),
    "number minus": lambda: 3 - A, "number divided": lambda: 3 / A, "pow": lambda: P ** B, "pow 3": lambda: A ** 3, "atan2": lambda: A.atan2(B),
    "maximum": lambda: A.maximum(B), "clamp": lambda: A.clamp(-0.5, 1), "clamp_min": lambda: A.clamp_min(0.1), "lerp": lambda: A.lerp(B, P),
    "addcmul": lambda: A.addcmul(B, P, value=0.5), "addcdiv": lambda: A.addcdiv(B, P, value=0.5),
    "sum": lambda: A.sum(), "sum 1": lambda: A.sum(1), "sum both": lambda: A.sum((0, 1)), "mean 0": lambda: A.mean([0]), "prod": lambda: A.prod(1),
    "var": lambda: A.var(), "var 1": lambda: A.var(1), "std biased": lambda: A.std(1, unbiased=False), "norm": lambda: A.norm(), "norm 1": lambda: A.norm(p=1, dim=1),
    "logsumexp": lambda: A.logsumexp(1), "cumsum": lambda: A.cumsum(1), "cumprod": lambda: A.cumprod(0), "amax": lambda: A.amax(1), "max": lambda: A.max(1)[0],
    "argmax": lambda: A.argmax(1), "sort": lambda: A.sort(1, descending=True)[0], "argsort": lambda: A.argsort(1), "topk": lambda: A.topk(2, 1)[1], "median": lambda: A.median(),
    "quantile": lambda: A.quantile(torch.tensor(0.3), 1), "diff": lambda: A.diff(),
    "gather": lambda: A.gather(1, I), "scatter": lambda: A.scatter(1, I, B), "scatter_add": lambda: A.scatter_add(1, I, B), "index_select": lambda: A.index_select(1, C),
    "take_along_dim": lambda: A.take_along_dim(I, 1), "index_add": lambda: A.index_add(1, C, B[:, :2], alpha=2), "masked_fill": lambda: A.masked_fill(A > 0, 9), "masked_select": lambda: A.masked_select(A > 0),
    "where": lambda: torch.where(A > B, A, B), "nonzero": lambda: (A > 0).nonzero(), "tril": lambda: A.tril(), "triu": lambda: A.triu(1), "flip": lambda: A.flip(1),
    "roll": lambda: A.roll(1, 1), "repeat": lambda: A.repeat(2, 1), "repeat_interleave": lambda: A.repeat_interleave(2, 1), "pad": lambda: F.pad(A, (1, 2)), "unfold": lambda: A.unfold(1, 2, 1),
    "transpose": lambda: A.transpose(0, 1), "flatten": lambda: A.flatten(), "expand": lambda: A.unsqueeze(1).expand(2, 2, 3), "one_hot": lambda: F.one_hot(I, 4),
    "matmul": lambda: A @ B.T, "einsum": lambda: torch.einsum("ij,kj->ik", A, B), "addmm": lambda: (A @ B.T).addmm(A, B.T, beta=0.5, alpha=2), "bmm": lambda: A.unsqueeze(0).bmm(B.T.unsqueeze(0)),
    "outer": lambda: A[0].outer(B[1]), "cdist": lambda: torch.cdist(A, B), "cosine_similarity": lambda: F.cosine_similarity(A, B),
    "layer_norm": lambda: F.layer_norm(A, [3], B[0], B[1]), "group_norm": lambda: F.group_norm(IMAGE, 2), "normalize": lambda: F.normalize(A, dim=1), "linear": lambda: F.linear(A, B, P[0, :2]),
    "cross_entropy": lambda: F.cross_entropy(A, C, label_smoothing=0.1), "cross_entropy ignoring": lambda: F.cross_entropy(A, C, ignore_index=0, reduction="sum"),
    "nll_loss": lambda: F.nll_loss(A.log_softmax(1), C), "mse_loss": lambda: F.mse_loss(A, B), "bce": lambda: F.binary_cross_entropy(P, P.flip(1)),
    "bce logits": lambda: F.binary_cross_entropy_with_logits(A, P, pos_weight=B[1].abs()), "kl_div": lambda: F.kl_div(A.log_softmax(1), B.log_softmax(1), log_target=True, reduction="sum"),
    "smooth_l1": lambda: F.smooth_l1_loss(A, B, beta=0.5), "huber": lambda: F.huber_loss(A, B, delta=0.7),
    "conv2d": lambda: F.conv2d(IMAGE, KERNEL, stride=2, padding=1), "conv2d same": lambda: F.conv2d(IMAGE, KERNEL, padding="same"), "conv1d": lambda: F.conv1d(IMAGE[:, :, 0], KERNEL[:, :, 0], padding=1),
    "max_pool2d": lambda: F.max_pool2d(IMAGE, 2), "avg_pool2d": lambda: F.avg_pool2d(IMAGE, 2, 1), "adaptive_avg_pool2d": lambda: F.adaptive_avg_pool2d(IMAGE, 2),
    "im2col": lambda: F.unfold(IMAGE, 2, stride=2), "interpolate bilinear": lambda: F.interpolate(IMAGE, size=[3, 4], mode="bilinear"), "interpolate bicubic": lambda: F.interpolate(IMAGE, size=[3, 4], mode="bicubic"),
    "interpolate nearest": lambda: F.interpolate(IMAGE, scale_factor=2.0, mode="nearest"), "pad reflect": lambda: F.pad(IMAGE, (1, 1, 1, 1), mode="reflect"),
    "eye": lambda: torch.eye(2, 3), "arange": lambda: torch.arange(1, 8, 3), "arange real": lambda: torch.arange(0, 1, 0.25), "linspace": lambda: torch.linspace(0, 1, 5), "full": lambda: torch.full([2, 2], 1.5),
    "tril_indices": lambda: torch.tril_indices(3, 3), "stack": lambda: torch.stack([A, B], 1), "cat": lambda: torch.cat([A, B], 1), "meshgrid": lambda: torch.meshgrid(A[0], B[0], indexing="ij")[1],
}


def seeded(make):
    torch.manual_seed(42)
    return make()


def module_values(module):
    return [value for parameter in module.parameters() for value in parameter.detach().flatten().tolist()]


INITIAL = {
    "Linear": lambda: module_values(torch.nn.Linear(3, 4)),
    "Linear without bias": lambda: module_values(torch.nn.Linear(3, 2, bias=False)),
    "Embedding": lambda: module_values(torch.nn.Embedding(4, 3, padding_idx=1)),
    "Conv2d": lambda: module_values(torch.nn.Conv2d(2, 3, 2)),
    "Conv1d": lambda: module_values(torch.nn.Conv1d(2, 2, 3)),
    "LayerNorm": lambda: module_values(torch.nn.LayerNorm(3)),
    "xavier_uniform_": lambda: torch.nn.init.xavier_uniform_(torch.empty(3, 4), 2).flatten().tolist(),
    "xavier_normal_": lambda: torch.nn.init.xavier_normal_(torch.empty(3, 4)).flatten().tolist(),
    "kaiming_uniform_": lambda: torch.nn.init.kaiming_uniform_(torch.empty(3, 4), nonlinearity="relu").flatten().tolist(),
    "kaiming_normal_": lambda: torch.nn.init.kaiming_normal_(torch.empty(3, 4), mode="fan_out").flatten().tolist(),
    "trunc_normal_": lambda: torch.nn.init.trunc_normal_(torch.empty(3, 4), std=0.5, a=-0.6, b=0.4).flatten().tolist(),
    "randn": lambda: torch.randn(5).tolist(), "rand": lambda: torch.rand(5).tolist(), "randperm": lambda: torch.randperm(7).tolist(), "randint": lambda: torch.randint(3, 9, [6]).tolist(),
    "multinomial": lambda: torch.multinomial(P, 4, replacement=True).flatten().tolist(), "dropout": lambda: F.dropout(torch.ones(10), 0.4).tolist(),
}

X = torch.linspace(-1, 1, 12).reshape(4, 3)
Y = torch.tensor([[0.3, -0.2], [0.1, 0.4], [-0.5, 0.2], [0.6, -0.1]])
OPTIMIZERS = {
    "AdamW": lambda g: torch.optim.AdamW(g, lr=0.05, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
    "AdamW amsgrad": lambda g: torch.optim.AdamW(g, lr=0.05, weight_decay=0.1, amsgrad=True),
    "AdamW maximize": lambda g: torch.optim.AdamW(g, lr=0.05, weight_decay=0.0, maximize=True),
    "Adam": lambda g: torch.optim.Adam(g, lr=0.05, weight_decay=0.1),
    "SGD": lambda g: torch.optim.SGD(g, lr=0.1, weight_decay=0.01),
    "SGD momentum": lambda g: torch.optim.SGD(g, lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.01),
    "SGD nesterov": lambda g: torch.optim.SGD(g, lr=0.1, momentum=0.9, nesterov=True),
}


def trajectory(make):
    """A small network, twelve steps: its parameters after steps 1, 6 and 12. The bias forms a group with half the rate and no decay."""
    weight = torch.linspace(-0.5, 0.5, 6).reshape(2, 3).requires_grad_()
    bias = torch.tensor([0.1, -0.1], requires_grad=True)
    optimizer = make([{"params": [weight]}, {"params": [bias], "weight_decay": 0.0}])
    optimizer.param_groups[1]["lr"] /= 2
    seen = []
    for step in range(1, 13):
        optimizer.zero_grad()
        loss = ((X @ weight.T + bias).tanh() - Y).pow(2).mean()
        loss.backward()
        optimizer.step()
        if step in (1, 6, 12):
            seen.append(weight.detach().flatten().tolist() + bias.tolist())
    return seen


SCHEDULES = {
    "LambdaLR": lambda o: S.LambdaLR(o, lambda epoch: 0.95 ** epoch),
    "StepLR": lambda o: S.StepLR(o, 3, 0.5),
    "MultiStepLR": lambda o: S.MultiStepLR(o, [2, 5, 9], 0.3),
    "ExponentialLR": lambda o: S.ExponentialLR(o, 0.9),
    "ConstantLR": lambda o: S.ConstantLR(o, 0.25, 4),
    "LinearLR": lambda o: S.LinearLR(o, 0.1, 0.8, 6),
    "PolynomialLR": lambda o: S.PolynomialLR(o, 8, 2.0),
    "CosineAnnealingLR": lambda o: S.CosineAnnealingLR(o, 8, 0.01),
    "OneCycleLR": lambda o: S.OneCycleLR(o, 0.7, total_steps=21),
    "OneCycleLR three phases": lambda o: S.OneCycleLR(o, 0.7, total_steps=21, three_phase=True, anneal_strategy="linear"),
    "SequentialLR": lambda o: S.SequentialLR(o, [S.LinearLR(o, 0.1, 1.0, 5), S.CosineAnnealingLR(o, 12, 0.02)], [5]),
    "ChainedScheduler": lambda o: S.ChainedScheduler([S.ConstantLR(o, 0.5, 3), S.ExponentialLR(o, 0.9)]),
}


def rates(make):
    parameter = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.AdamW([parameter], lr=0.4)
    scheduler = make(optimizer)
    seen = []
    for _ in range(18):
        seen.append([optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"][0]])
        optimizer.step()
        scheduler.step()
    return seen


def plain(tensor):
    return {"shape": list(tensor.shape), "values": tensor.double().flatten().tolist()}


golden = {
    "torch": torch.__version__,
    "operators": {name: plain(make()) for name, make in OPERATORS.items()},
    "initial": {name: seeded(make) for name, make in INITIAL.items()},
    "optimizers": {name: trajectory(make) for name, make in OPTIMIZERS.items()},
    "schedules": {name: rates(make) for name, make in SCHEDULES.items() if hasattr(S, name.split()[0])},
}


def rounded(value):
    """Nine digits hold a float32; more would only differ between machines."""
    if isinstance(value, float):
        return float(f"{value:.9g}") if math.isfinite(value) else str(value)
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return value


with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden.json"), "w") as file:
    lines = []
    for name, section in golden.items():
        if isinstance(section, dict):
            entries = ",\n".join(f"    {json.dumps(key)}: {json.dumps(rounded(value))}" for key, value in section.items())
            lines.append(f"  {json.dumps(name)}: {{\n{entries}\n  }}")
        else:
            lines.append(f"  {json.dumps(name)}: {json.dumps(section)}")
    file.write("{\n" + ",\n".join(lines) + "\n}\n")
