"""Golden forecasts, logits, gradients and spectrograms, from an implementation of their own.

Nothing is shared with the program: attention is PyTorch's own module, patches are cut one by one in a loop, and the spectrogram is a
Fourier transform of one frame at a time by its definition. Arithmetic is in 64 bits. Run with Debian's python3-torch:

    python3 tests/Golden/series_sound.py

It writes tests/Golden/data/{patchtst,patchtst-overlap,series-decoder,ast,ast-overlap,log-mel}.safetensors, and wav.json: WAV files in base64 with
what SciPy (python3-scipy) reads from them.
"""
import base64
import json
import math
import os
import struct

import numpy
import torch
from torch import nn
from torch.nn import functional as F

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")


class Layer(nn.Module):
    def __init__(self, width, heads, eps):
        super().__init__()
        self.first, self.second = nn.LayerNorm(width, eps=eps), nn.LayerNorm(width, eps=eps)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, mask=None):
        h = self.first(x)
        x = x + self.attention(h, h, h, need_weights=False, attn_mask=mask)[0]
        return x + self.down(F.gelu(self.up(self.second(x))))

    def names(self):
        yield from (("attn.qkv.weight", self.attention.in_proj_weight), ("attn.qkv.bias", self.attention.in_proj_bias),
                    ("attn.proj.weight", self.attention.out_proj.weight), ("attn.proj.bias", self.attention.out_proj.bias),
                    ("norm1.weight", self.first.weight), ("norm1.bias", self.first.bias), ("mlp.up.weight", self.up.weight), ("mlp.up.bias", self.up.bias),
                    ("mlp.down.weight", self.down.weight), ("mlp.down.bias", self.down.bias), ("norm2.weight", self.second.weight), ("norm2.bias", self.second.bias))


class Stack(nn.Module):
    """Embedding of patches, positions, layers, norm."""

    prefix = ""

    def __init__(self, inputs, count, width, heads, layers, outputs, flat, eps=1e-5):
        super().__init__()
        self.embedding = nn.Linear(inputs, width)
        self.positions = nn.Parameter(torch.zeros(count, width))
        self.layers = nn.ModuleList([Layer(width, heads, eps) for _ in range(layers)])
        self.norm = nn.LayerNorm(width, eps=eps)
        self.head = nn.Linear(width * count if flat else width, outputs)

    def names(self):
        p = self.prefix
        yield from ((p + "patch_emb.weight", self.embedding.weight), (p + "patch_emb.bias", self.embedding.bias), (p + "pos_emb.weight", self.positions))
        for i, layer in enumerate(self.layers):
            for name, tensor in layer.names(): yield f"{p}blocks.{i}.{name}", tensor
        yield from ((p + "norm.weight", self.norm.weight), (p + "norm.bias", self.norm.bias), ("head.weight", self.head.weight), ("head.bias", self.head.bias))


def seen(values, observed):
    return torch.where(observed > 0, values, torch.zeros_like(values))


def patches(values, observed, P, S):
    rows = []
    for start in range(0, values.shape[1] - P + 1, S):
        rows.append(torch.cat([seen(values, observed)[:, start:start + P], observed[:, start:start + P]], 1))
    return torch.stack(rows, 1)


class PatchTst(Stack):
    prefix = "encoder."

    def __init__(self, L, H, P, S, season, width, heads, layers, Q):
        super().__init__(2 * P, (L - P) // S + 1, width, heads, layers, H * (1 + Q), True)
        self.P, self.S, self.H, self.season = P, S, H, season

    def forward(self, values, observed):
        x = self.embedding(patches(values, observed, self.P, self.S)) + self.positions
        for layer in self.layers: x = layer(x)
        out = self.head(self.norm(x).flatten(1)).reshape(len(x), self.H, -1)
        if self.season:
            last = seen(values, observed)[:, -self.season:]
            out = out + torch.stack([last[:, h % self.season] for h in range(self.H)], 1).unsqueeze(-1)
        return out


class Decoder(Stack):
    prefix = "decoder."

    def __init__(self, L, H, P, width, heads, layers, Q):
        super().__init__(2 * P, L // P, width, heads, layers, H * (1 + Q), False)
        self.P, self.H = P, H

    def forward(self, values, observed):
        x = self.embedding(patches(values, observed, self.P, self.P)) + self.positions
        mask = torch.full((x.shape[1], x.shape[1]), -math.inf).triu(1)
        for layer in self.layers: x = layer(x, mask)
        ends = [seen(values, observed)[:, (i + 1) * self.P - 1] for i in range(x.shape[1])]
        return self.head(self.norm(x)).reshape(len(x), x.shape[1], self.H, -1) + torch.stack(ends, 1)[:, :, None, None]


class Ast(Stack):
    def __init__(self, T, M, P, S, width, heads, layers, classes):
        self.rows, self.columns = (M - P) // S + 1, (T - P) // S + 1
        super().__init__(P * P, self.rows * self.columns, width, heads, layers, classes, False, 1e-6)
        self.P, self.S = P, S
        self.token, self.position = nn.Parameter(torch.zeros(width)), nn.Parameter(torch.zeros(width))

    def forward(self, spectrogram):
        tokens = []
        for y in range(self.rows):
            for x in range(self.columns):
                # Bands are rows and frames columns.
                tokens.append(spectrogram[:, x * self.S:x * self.S + self.P, y * self.S:y * self.S + self.P].transpose(1, 2).flatten(1))
        x = self.embedding(torch.stack(tokens, 1)) + self.positions
        x = torch.cat([(self.token + self.position).expand(len(x), 1, -1), x], 1)
        for layer in self.layers: x = layer(x)
        return self.head(self.norm(x)[:, 0])

    def names(self):
        yield from super().names()
        yield from (("cls_token", self.token), ("pos_emb.cls", self.position))


def step_loss(forecast, target, quantiles):
    loss = (target - forecast[..., 0]) ** 2 / 2
    for i, q in enumerate(quantiles):
        error = target - forecast[..., 1 + i]
        loss = loss + torch.where(error > 0, q * error, (q - 1) * error) / len(quantiles)
    return loss


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


def fill(model, seed):
    torch.manual_seed(seed)
    for key, parameter in model.names():
        spread = 0.5 if parameter.dim() < 2 else 1.2 / math.sqrt(parameter[0].numel())
        parameter.data.normal_(1 if "norm" in key and key.endswith("weight") else 0, spread).copy_(parameter.data.float())
    assert len({id(p) for _, p in model.names()}) == len(list(model.parameters()))


def save(name, config, model, tensors, grid=None):
    for key, parameter in model.names():
        def shaped(t): return t.reshape(grid + (-1,)) if grid and key == "pos_emb.weight" else t
        tensors["weight." + key], tensors["gradient." + key] = shaped(parameter), shaped(parameter.grad)
    write(os.path.join(FOLDER, name + ".safetensors"), tensors, {"config": "model: " + config})


def series(name, config, model, L, H, quantiles):
    fill(model, len(name))
    values, target = torch.randn(3, L).float().double(), torch.randn(3, H).float().double()
    observed, known = (torch.rand(3, L) > 0.2).double(), (torch.rand(3, H) > 0.2).double()
    forecast = model(values, observed)
    if forecast.dim() == 4:
        # Every patch forecasts what follows it.
        all_values, there = torch.cat([seen(values, observed), target], 1), torch.cat([observed, known], 1)
        loss = 0
        for i in range(forecast.shape[1]):
            at = (i + 1) * model.P
            loss = loss + torch.where(there[:, at:at + H] > 0, step_loss(forecast[:, i], all_values[:, at:at + H], quantiles), torch.zeros(())).sum() / forecast.shape[1]
        forecast = forecast[:, -1]
    else:
        loss = torch.where(known > 0, step_loss(forecast, target, quantiles), torch.zeros(())).sum()
    loss.backward()
    save(name, config, model, {"values": values, "observed": observed, "target": target, "known": known, "forecast": forecast, "loss": loss})
    print(name, float(loss))


def sound(name, config, model, T, M, classes):
    fill(model, len(name))
    spectrogram, labels = torch.randn(2, T, M).float().double(), torch.randint(classes, (2,))
    logits = model(spectrogram)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    save(name, config, model, {"input": spectrogram, "labels": labels, "logits": logits, "loss": loss}, (model.rows, model.columns))
    print(name, logits[0].tolist())


def log_mel():
    """Frame by frame, with the definition of the Fourier transform; reflected at both ends."""
    torch.manual_seed(5)
    samples, mels = (torch.randn(2, 2000) * 0.1 + torch.sin(torch.arange(2000) * 0.3)).float().double(), 128
    fft, window, hop = 1024, 400, 160
    hann = torch.tensor([0.5 - 0.5 * math.cos(2 * math.pi * n / window) for n in range(window)])
    padded = torch.cat([samples[:, 1:fft // 2 + 1].flip(1), samples, samples[:, -fft // 2 - 1:-1].flip(1)], 1)
    n, k = torch.arange(fft).double(), torch.arange(fft // 2 + 1).double()
    cosine, sine = torch.cos(2 * math.pi * k[:, None] * n / fft), torch.sin(2 * math.pi * k[:, None] * n / fft)
    def mel(f): return 2595 * math.log10(1 + f / 700)
    edges = [700 * (10 ** ((mel(20) + (mel(8000) - mel(20)) * i / (mels + 1)) / 2595) - 1) for i in range(mels + 2)]
    frames = []
    for t in range(samples.shape[1] // hop):
        frame = padded[:, t * hop:t * hop + fft].clone()
        full = torch.zeros(fft)
        full[(fft - window) // 2:(fft + window) // 2] = hann
        frame = frame * full
        power = (frame @ cosine.T) ** 2 + (frame @ sine.T) ** 2
        bands = []
        for b in range(mels):
            weights = torch.tensor([max(0.0, min((f - edges[b]) / (edges[b + 1] - edges[b]), (edges[b + 2] - f) / (edges[b + 2] - edges[b + 1])))
                                    for f in (float(i) * 16000 / fft for i in range(fft // 2 + 1))])
            bands.append((power * weights).sum(1))
        frames.append(torch.stack(bands, 1))
    write(os.path.join(FOLDER, "log-mel.safetensors"), {"samples": samples, "spectrogram": torch.log(torch.stack(frames, 1) + 1e-6)}, {})


def wav_files():
    import io
    from scipy.io import wavfile
    random = numpy.random.RandomState(3)
    found = []
    for kind, bits, channels, extended in [(1, 8, 1, False), (1, 8, 2, False), (1, 16, 1, False), (1, 16, 2, True), (1, 24, 1, False), (1, 24, 2, False), (1, 32, 1, False), (1, 32, 2, True), (3, 32, 1, False), (3, 32, 2, True), (3, 64, 1, False)]:
        count, size = 25, bits // 8
        if kind == 3: raw = (random.rand(count * channels) * 2 - 1).astype("<f4" if bits == 32 else "<f8").tobytes()
        else: raw = random.bytes(count * channels * size)
        frame = channels * size
        head = struct.pack("<HHIIHH", 0xFFFE if extended else kind, channels, 22050, 22050 * frame, frame, bits)
        if extended: head += struct.pack("<HHIH", 22, bits, 0, kind) + bytes.fromhex("000000001000800000aa00389b71")
        # A chunk of an odd length before the samples, as programs write that add a title.
        body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"LIST" + struct.pack("<I", 3) + b"abc\0" + b"data" + struct.pack("<I", len(raw)) + raw + b"\0" * (len(raw) % 2)
        data = b"RIFF" + struct.pack("<I", len(body)) + body
        rate, samples = wavfile.read(io.BytesIO(data))
        samples = samples.astype("f8")
        # SciPy keeps 24 bits in the upper bits of 32.
        samples = (samples - 128) / 128 if (kind, bits) == (1, 8) else samples / 2 ** (15 if bits == 16 else 31) if kind == 1 else samples
        mono = samples.mean(1) if channels > 1 else samples
        found.append({"name": f"{'float' if kind == 3 else 'pcm'} {bits} bits, {channels} channels{', extended' if extended else ''}", "rate": rate, "file": base64.b64encode(data).decode(), "samples": [round(float(x), 9) for x in mono]})
    with open(os.path.join(FOLDER, "wav.json"), "w") as file:
        json.dump(found, file, indent=0)


torch.set_default_dtype(torch.float64)
os.makedirs(FOLDER, exist_ok=True)
common = "layers: 2, heads: 2, width: 8"
series("patchtst", "{ kind: patchtst, patch: 4, baseline: season, " + common + " }", PatchTst(24, 5, 4, 4, 3, 8, 2, 2, 3), 24, 5, [0.1, 0.5, 0.9])
series("patchtst-overlap", "{ kind: patchtst, patch: 6, stride: 3, quantiles: [0.25, 0.75], " + common + " }", PatchTst(24, 5, 6, 3, 0, 8, 2, 2, 2), 24, 5, [0.25, 0.75])
series("series-decoder", "{ kind: series_decoder, patch: 4, baseline: last, " + common + " }", Decoder(24, 5, 4, 8, 2, 2, 3), 24, 5, [0.1, 0.5, 0.9])
sound("ast", "{ kind: ast, patch: 4, " + common + " }", Ast(12, 16, 4, 4, 8, 2, 2, 5), 12, 16, 5)
sound("ast-overlap", "{ kind: ast, patch: 5, stride: 3, " + common + " }", Ast(13, 16, 5, 3, 8, 2, 2, 5), 13, 16, 5)
log_mel()
wav_files()
