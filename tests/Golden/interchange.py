#!/usr/bin/python3
"""Hand-made folders in the layouts of Hugging Face's transformers and of timm, each with what an independent forward pass makes of its weights.

Usage: /usr/bin/python3 tests/Golden/interchange.py   (PyTorch 1.13 or later)
Writes tests/Golden/interchange/<case>/ with config.json, the weights, the tokenizer, and expected.safetensors: the input and the logits.
The names and shapes are those of the libraries' model sources; the forward passes are written here from the papers' formulas.
"""

import json
import math
import os
import struct

import torch
import torch.nn.functional as F

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "interchange")
TYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}


def save_tensors(path, tensors, metadata=None):
    header, blobs, offset = {}, [], 0
    if metadata:
        header["__metadata__"] = metadata
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        data = bytes(tensor.view(torch.int16).numpy().tobytes() if tensor.dtype == torch.bfloat16 else tensor.numpy().tobytes())
        header[name] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, offset + len(data)]}
        blobs.append(data)
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def save_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1, ensure_ascii=False)
        file.write("\n")


class Weights:
    """Random weights by name, so that the forward pass below and the file have the same."""

    def __init__(self, seed, dtype=torch.float32):
        self.generator = torch.Generator().manual_seed(seed)
        self.dtype = dtype
        self.tensors = {}

    def __call__(self, name, *shape, mean=0.0, std=0.3):
        if name not in self.tensors:
            self.tensors[name] = (torch.randn(*shape, generator=self.generator) * std + mean).to(self.dtype)
        return self.tensors[name].float()

    def linear(self, x, name, inputs, outputs, bias=True):
        return F.linear(x, self(name + ".weight", outputs, inputs), self(name + ".bias", outputs) if bias else None)

    def conv1d(self, x, name, inputs, outputs):
        return x @ self(name + ".weight", inputs, outputs) + self(name + ".bias", outputs)

    def norm(self, x, name, width, eps):
        mean = x.mean(-1, keepdim=True)
        variance = ((x - mean) ** 2).mean(-1, keepdim=True)
        return (x - mean) / torch.sqrt(variance + eps) * self(name + ".weight", width, mean=1.0) + self(name + ".bias", width)

    def rms(self, x, name, width, eps):
        return x / torch.sqrt((x ** 2).mean(-1, keepdim=True) + eps) * self(name + ".weight", width, mean=1.0)


def heads_of(x, count):
    return x.view(*x.shape[:-1], count, -1).transpose(-3, -2)


def attend(q, k, v, heads, causal=False, bias=None):
    q, k, v = heads_of(q, heads), heads_of(k, k.shape[-1] * heads // q.shape[-1]), heads_of(v, v.shape[-1] * heads // q.shape[-1])
    return join(attend_heads(q, k, v, causal, bias))


def attend_heads(q, k, v, causal=False, bias=None):
    k, v = (part.repeat_interleave(q.shape[-3] // part.shape[-3], dim=-3) for part in (k, v))
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if causal:
        scores = scores + torch.full(scores.shape[-2:], float("-inf")).triu(1)
    if bias is not None:
        scores = scores + bias
    return scores.softmax(-1) @ v


def join(x):
    x = x.transpose(-3, -2)
    return x.reshape(*x.shape[:-2], -1)


def gelu_tanh(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def byte_alphabet():
    visible = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, after = {}, 256
    for byte in range(256):
        table[byte] = chr(byte) if byte in visible else chr(after)
        after += byte not in visible
    return table


def bpe_tokenizer(special, merges, first=0):
    """Byte-level BPE: 256 bytes, a few merges, special tokens at the end."""
    alphabet = byte_alphabet()
    names = [alphabet[byte] for byte in range(256)] + ["".join(merge) for merge in merges] + special
    added = [{"id": names.index(name), "content": name, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} for name in special]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return names, {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None, "pre_tokenizer": level, "post_processor": level, "decoder": level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                  "vocab": {name: id for id, name in enumerate(names)}, "merges": [" ".join(merge) for merge in merges]},
    }


def word_piece_tokenizer():
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + list(letters) + ["##" + letter for letter in letters] + ["the", "##ing", ".", ","]
    special = names[:5]
    added = [{"id": names.index(name), "content": name, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} for name in special]
    return names, {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
                           "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
                           "special_tokens": {name: {"id": name, "ids": [names.index(name)], "tokens": [name]} for name in ("[CLS]", "[SEP]")}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {name: id for id, name in enumerate(names)}},
    }


def folder(case, config, weights, expected, tokenizer=None, shards=1, extra=None):
    path = os.path.join(ROOT, case)
    os.makedirs(path, exist_ok=True)
    save_json(os.path.join(path, "config.json"), config)
    tensors = weights.tensors
    if shards == 1:
        save_tensors(os.path.join(path, "model.safetensors"), tensors, {"format": "pt"})
    else:
        names, placed = sorted(tensors), {}
        for shard in range(shards):
            own = names[shard::shards]
            file = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
            save_tensors(os.path.join(path, file), {name: tensors[name] for name in own}, {"format": "pt"})
            placed.update({name: file for name in own})
        total = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
        save_json(os.path.join(path, "model.safetensors.index.json"), {"metadata": {"total_size": total}, "weight_map": placed})
    if tokenizer:
        save_json(os.path.join(path, "tokenizer.json"), tokenizer)
    for name, value in (extra or {}).items():
        save_json(os.path.join(path, name), value)
    save_tensors(os.path.join(path, "expected.safetensors"), {name: tensor.detach() for name, tensor in expected.items()})


def ids_of(seed, rows, length, vocabulary):
    return torch.randint(0, vocabulary, (rows, length), generator=torch.Generator().manual_seed(seed))


def gpt2():
    """Radford et al. 2019, without the prefix of names and with the masks that old files have."""
    D, H, L, C, eps = 16, 2, 2, 12, 1e-5
    names, tokenizer = bpe_tokenizer(["<|endoftext|>"], [("t", "h"), ("th", "e")])
    V, w = len(names), Weights(1)
    ids = ids_of(2, 2, 10, V)
    x = w("wte.weight", V, D)[ids] + w("wpe.weight", C, D)[:10]
    for i in range(L):
        h = w.norm(x, f"h.{i}.ln_1", D, eps)
        q, k, v = w.conv1d(h, f"h.{i}.attn.c_attn", D, 3 * D).split(D, -1)
        x = x + w.conv1d(attend(q, k, v, H, causal=True), f"h.{i}.attn.c_proj", D, D)
        h = w.norm(x, f"h.{i}.ln_2", D, eps)
        x = x + w.conv1d(gelu_tanh(w.conv1d(h, f"h.{i}.mlp.c_fc", D, 4 * D)), f"h.{i}.mlp.c_proj", 4 * D, D)
        w.tensors[f"h.{i}.attn.bias"] = torch.ones(1, 1, C, C).tril()
    logits = w.norm(x, "ln_f", D, eps) @ w("wte.weight").t()
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": V, "n_positions": C, "n_ctx": C, "n_embd": D, "n_layer": L, "n_head": H,
              "activation_function": "gelu_new", "layer_norm_epsilon": eps, "resid_pdrop": 0.1, "bos_token_id": V - 1, "eos_token_id": V - 1}
    folder("gpt2", config, w, {"ids": ids, "logits": logits}, tokenizer)


def llama():
    """Touvron et al. 2023: grouped heads, rotary positions with halves paired; in bfloat16, in three files."""
    D, H, K, L, C, hidden, eps, base = 24, 4, 2, 2, 16, 40, 1e-6, 5000.0
    names, tokenizer = bpe_tokenizer(["<|endoftext|>"], [("i", "n"), ("in", "g")])
    V, w, E = len(names), Weights(3, torch.bfloat16), D // H
    ids = ids_of(4, 2, 11, V)
    angles = torch.arange(11).float()[:, None] * base ** (-torch.arange(0, E, 2).float() / E)
    cos, sin = angles.cos(), angles.sin()

    def rotate(x):
        a, b = x[..., :E // 2], x[..., E // 2:]
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    x = w("model.embed_tokens.weight", V, D)[ids]
    for i in range(L):
        name = f"model.layers.{i}"
        h = w.rms(x, name + ".input_layernorm", D, eps)
        q, k, v = (heads_of(w.linear(h, f"{name}.self_attn.{part}_proj", D, count * E, bias=False), count) for part, count in (("q", H), ("k", K), ("v", K)))
        x = x + w.linear(join(attend_heads(rotate(q), rotate(k), v, causal=True)), name + ".self_attn.o_proj", D, D, bias=False)
        h = w.rms(x, name + ".post_attention_layernorm", D, eps)
        gate = w.linear(h, name + ".mlp.gate_proj", D, hidden, bias=False)
        x = x + w.linear(gate * torch.sigmoid(gate) * w.linear(h, name + ".mlp.up_proj", D, hidden, bias=False), name + ".mlp.down_proj", hidden, D, bias=False)
    logits = w.linear(w.rms(x, "model.norm", D, eps), "lm_head", D, V, bias=False)
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": V, "max_position_embeddings": C, "hidden_size": D, "intermediate_size": hidden, "num_hidden_layers": L,
              "num_attention_heads": H, "num_key_value_heads": K, "hidden_act": "silu", "rms_norm_eps": eps, "rope_theta": base, "rope_scaling": None, "attention_bias": False, "mlp_bias": False,
              "tie_word_embeddings": False, "torch_dtype": "bfloat16"}
    folder("llama", config, w, {"ids": ids, "logits": logits}, tokenizer, shards=3)


def bert(classify):
    """Devlin et al. 2019, with embeddings of two segments, of which every token is in the first."""
    D, H, L, C, hidden, eps, N = 16, 2, 2, 20, 48, 1e-12, 3
    names, tokenizer = word_piece_tokenizer()
    V, w = len(names), Weights(5 + classify)
    ids = ids_of(6, 2, 9, V)
    p = "bert."
    x = w(p + "embeddings.word_embeddings.weight", V, D)[ids] + w(p + "embeddings.position_embeddings.weight", C, D)[:9] + w(p + "embeddings.token_type_embeddings.weight", 2, D)[0]
    x = w.norm(x, p + "embeddings.LayerNorm", D, eps)
    for i in range(L):
        name = f"{p}encoder.layer.{i}"
        q, k, v = (w.linear(x, f"{name}.attention.self.{part}", D, D) for part in ("query", "key", "value"))
        x = w.norm(x + w.linear(attend(q, k, v, H), name + ".attention.output.dense", D, D), name + ".attention.output.LayerNorm", D, eps)
        x = w.norm(x + w.linear(F.gelu(w.linear(x, name + ".intermediate.dense", D, hidden)), name + ".output.dense", hidden, D), name + ".output.LayerNorm", D, eps)
    config = {"model_type": "bert", "vocab_size": V, "max_position_embeddings": C, "type_vocab_size": 2, "hidden_size": D, "intermediate_size": hidden, "num_hidden_layers": L,
              "num_attention_heads": H, "hidden_act": "gelu", "layer_norm_eps": eps, "pad_token_id": 0, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
    if classify:
        pooled = torch.tanh(w.linear(x[:, 0], p + "pooler.dense", D, D))
        logits = w.linear(pooled, "classifier", D, N)
        config.update(architectures=["BertForSequenceClassification"], id2label={str(i): name for i, name in enumerate(["bad", "fair", "good"])})
        folder("bert-classify", config, w, {"ids": ids, "logits": logits}, tokenizer)
        return
    h = w.norm(F.gelu(w.linear(x, "cls.predictions.transform.dense", D, D)), "cls.predictions.transform.LayerNorm", D, eps)
    logits = h @ w(p + "embeddings.word_embeddings.weight").t() + w("cls.predictions.bias", V)
    # What a file of both pretraining tasks has besides.
    w(p + "pooler.dense.weight", D, D), w(p + "pooler.dense.bias", D), w("cls.seq_relationship.weight", 2, D), w("cls.seq_relationship.bias", 2)
    w.tensors["cls.predictions.decoder.bias"] = w.tensors["cls.predictions.bias"].clone()
    # The names of norms in the first published files.
    w.tensors = {name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor for name, tensor in w.tensors.items()}
    config.update(architectures=["BertForMaskedLM"])
    folder("bert-masked", config, w, {"ids": ids, "logits": logits}, tokenizer)


def processor(size, mean, std):
    return {"preprocessor_config.json": {"image_processor_type": "ViTImageProcessor", "do_resize": True, "size": {"height": size, "width": size}, "resample": 2, "do_rescale": True, "rescale_factor": 1 / 255,
                                         "do_normalize": True, "image_mean": mean, "image_std": std}}


def vit(timm):
    """Dosovitskiy et al. 2021."""
    D, H, L, P, size, N, eps = 12, 3, 2, 4, 12, 5, 1e-6 if timm else 1e-12
    w = Weights(7 + timm, torch.float32 if not timm else torch.float16)
    pixels = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(8))
    side = size // P
    if timm:
        names = dict(cls="cls_token", pos="pos_embed", patch="patch_embed.proj", norm1="blocks.{}.norm1", qkv="blocks.{}.attn.qkv", proj="blocks.{}.attn.proj", norm2="blocks.{}.norm2", up="blocks.{}.mlp.fc1",
                     down="blocks.{}.mlp.fc2", norm="norm", head="head")
    else:
        names = dict(cls="vit.embeddings.cls_token", pos="vit.embeddings.position_embeddings", patch="vit.embeddings.patch_embeddings.projection", norm1="vit.encoder.layer.{}.layernorm_before",
                     proj="vit.encoder.layer.{}.attention.output.dense", norm2="vit.encoder.layer.{}.layernorm_after", up="vit.encoder.layer.{}.intermediate.dense", down="vit.encoder.layer.{}.output.dense",
                     norm="vit.layernorm", head="classifier")
    x = F.conv2d(pixels, w(names["patch"] + ".weight", D, 3, P, P), w(names["patch"] + ".bias", D), stride=P).flatten(2).transpose(1, 2)
    x = torch.cat([w(names["cls"], 1, 1, D).expand(2, 1, D), x], 1) + w(names["pos"], 1, 1 + side * side, D)
    for i in range(L):
        h = w.norm(x, names["norm1"].format(i), D, eps)
        if timm:
            q, k, v = w.linear(h, names["qkv"].format(i), D, 3 * D).split(D, -1)
        else:
            q, k, v = (w.linear(h, f"vit.encoder.layer.{i}.attention.attention.{part}", D, D) for part in ("query", "key", "value"))
        x = x + w.linear(attend(q, k, v, H), names["proj"].format(i), D, D)
        h = w.norm(x, names["norm2"].format(i), D, eps)
        x = x + w.linear(F.gelu(w.linear(h, names["up"].format(i), D, 4 * D)), names["down"].format(i), 4 * D, D)
    logits = w.linear(w.norm(x, names["norm"], D, eps)[:, 0], names["head"], D, N)
    if timm:
        config = {"architecture": "vit_tiny_patch16_224", "num_classes": N, "num_features": D, "global_pool": "token", "model_args": {"num_heads": H},
                  "pretrained_cfg": {"input_size": [3, size, size], "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic", "crop_pct": 0.9}}
        folder("timm-vit", config, w, {"pixels": pixels, "logits": logits})
        return
    config = {"model_type": "vit", "architectures": ["ViTForImageClassification"], "image_size": size, "num_channels": 3, "patch_size": P, "hidden_size": D, "intermediate_size": 4 * D, "num_hidden_layers": L,
              "num_attention_heads": H, "hidden_act": "gelu", "layer_norm_eps": eps, "qkv_bias": True, "id2label": {str(i): f"class {i}" for i in range(N)}}
    folder("vit", config, w, {"pixels": pixels, "logits": logits}, extra=processor(size, [0.4, 0.5, 0.6], [0.2, 0.3, 0.25]))


def swin(timm):
    """Liu et al. 2021: windows that move by half their side in every second block, and see no neighbour from the other edge."""
    C, depths, heads, W, P, size, N, eps = 8, [2, 2], [1, 2], 3, 2, 24, 4, 1e-5
    w = Weights(9 + timm)
    pixels = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(10))
    patch, norm, last = ("patch_embed.proj", "patch_embed.norm", "norm") if timm else ("swin.embeddings.patch_embeddings.projection", "swin.embeddings.norm", "swin.layernorm")
    x = F.conv2d(pixels, w(patch + ".weight", C, 3, P, P), w(patch + ".bias", C), stride=P).permute(0, 2, 3, 1)
    x = w.norm(x, norm, C, eps)
    for stage, (depth, H) in enumerate(zip(depths, heads)):
        D = C << stage
        for layer in range(depth):
            name = f"layers.{stage}.blocks.{layer}" if timm else f"swin.encoder.layers.{stage}.blocks.{layer}"
            side = x.shape[1]
            shift = W // 2 if layer % 2 == 1 and side > W else 0
            h = w.norm(x, name + (".norm1" if timm else ".layernorm_before"), D, eps)
            h = torch.roll(h, (-shift, -shift), (1, 2))
            # Every position by its place before the roll: only neighbours of the image see each other.
            rows = torch.roll(torch.arange(side), -shift)
            region = (torch.arange(side) >= side - shift).long() if shift else torch.zeros(side, dtype=torch.long)
            zones = region[:, None] * 2 + region[None, :]
            cut = lambda t: t.reshape(t.shape[0], side // W, W, side // W, W, -1).permute(0, 1, 3, 2, 4, 5).reshape(t.shape[0], -1, W * W, t.shape[-1])
            windows, zone = cut(h), cut(zones[None, :, :, None].float())[0, :, :, 0]
            hidden = zone[:, :, None] != zone[:, None, :]
            table = w(name + (".attn" if timm else ".attention.self") + ".relative_position_bias_table", (2 * W - 1) ** 2, H)
            grid = torch.stack(torch.meshgrid(torch.arange(W), torch.arange(W), indexing="ij"), -1).reshape(-1, 2)
            offset = grid[:, None] - grid[None, :] + W - 1
            bias = table[offset[..., 0] * (2 * W - 1) + offset[..., 1]].permute(2, 0, 1)[None, None] + torch.zeros(hidden.shape).masked_fill(hidden, float("-inf"))[None, :, None]
            if timm:
                q, k, v = w.linear(windows, name + ".attn.qkv", D, 3 * D).split(D, -1)
            else:
                q, k, v = (w.linear(windows, f"{name}.attention.self.{part}", D, D) for part in ("query", "key", "value"))
            h = join(attend_heads(heads_of(q, H), heads_of(k, H), heads_of(v, H), bias=bias))
            h = w.linear(h, name + (".attn.proj" if timm else ".attention.output.dense"), D, D)
            h = h.reshape(2, side // W, side // W, W, W, D).permute(0, 1, 3, 2, 4, 5).reshape(2, side, side, D)
            x = x + torch.roll(h, (shift, shift), (1, 2))
            h = w.norm(x, name + (".norm2" if timm else ".layernorm_after"), D, eps)
            up, down = (".mlp.fc1", ".mlp.fc2") if timm else (".intermediate.dense", ".output.dense")
            x = x + w.linear(F.gelu(w.linear(h, name + up, D, 4 * D)), name + down, 4 * D, D)
        if stage < len(depths) - 1:
            merge = f"layers.{stage + 1}.downsample" if timm else f"swin.encoder.layers.{stage}.downsample"
            x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)
            x = F.linear(w.norm(x, merge + ".norm", 4 * D, eps), w(merge + ".reduction.weight", 2 * D, 4 * D))
    D = C << (len(depths) - 1)
    logits = w.linear(w.norm(x, last, D, eps).mean((1, 2)), "head.fc" if timm else "classifier", D, N)
    if timm:
        config = {"architecture": "swin_tiny_patch4_window7_224", "num_classes": N, "num_features": D,
                  "pretrained_cfg": {"input_size": [3, size, size], "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "interpolation": "bicubic", "crop_pct": 0.9}}
        folder("timm-swin", config, w, {"pixels": pixels, "logits": logits})
        return
    config = {"model_type": "swin", "architectures": ["SwinForImageClassification"], "image_size": size, "num_channels": 3, "patch_size": P, "embed_dim": C, "depths": depths, "num_heads": heads, "window_size": W,
              "mlp_ratio": 4.0, "qkv_bias": True, "hidden_act": "gelu", "layer_norm_eps": eps, "use_absolute_embeddings": False, "id2label": {str(i): f"class {i}" for i in range(N)}}
    folder("swin", config, w, {"pixels": pixels, "logits": logits}, extra=processor(size, [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]))


def marian():
    """Vaswani et al. 2017 as Marian has it: sines before cosines, swish, a bias of the output layer; targets begin with padding."""
    D, H, L, M, C, hidden, eps = 16, 2, 2, 1, 20, 24, 1e-5
    names, tokenizer = bpe_tokenizer(["</s>", "<unk>", "<pad>"], [("e", "r")])
    V, w = len(names), Weights(11)
    source, target = ids_of(12, 2, 8, V), ids_of(13, 2, 7, V)
    position = torch.arange(C).float()[:, None] / 10000 ** (torch.arange(0, D, 2).float() / D)
    table = torch.cat([position.sin(), position.cos()], -1)
    embed = lambda ids: w("model.shared.weight", V, D)[ids] * math.sqrt(D) + table[:ids.shape[1]]

    def sublayer(x, memory, name, causal=False):
        q = w.linear(x, name + ".q_proj", D, D)
        k, v = (w.linear(memory, f"{name}.{part}_proj", D, D) for part in "kv")
        return w.linear(attend(q, k, v, H, causal), name + ".out_proj", D, D)

    def network(x, name):
        h = w.linear(x, name + ".fc1", D, hidden)
        return w.linear(h * torch.sigmoid(h), name + ".fc2", hidden, D)

    x = embed(source)
    for i in range(L):
        name = f"model.encoder.layers.{i}"
        x = w.norm(x + sublayer(x, x, name + ".self_attn"), name + ".self_attn_layer_norm", D, eps)
        x = w.norm(x + network(x, name), name + ".final_layer_norm", D, eps)
    y = embed(target)
    for i in range(M):
        name = f"model.decoder.layers.{i}"
        y = w.norm(y + sublayer(y, y, name + ".self_attn", causal=True), name + ".self_attn_layer_norm", D, eps)
        y = w.norm(y + sublayer(y, x, name + ".encoder_attn"), name + ".encoder_attn_layer_norm", D, eps)
        y = w.norm(y + network(y, name), name + ".final_layer_norm", D, eps)
    logits = y @ w("model.shared.weight").t() + w("final_logits_bias", 1, V)
    config = {"model_type": "marian", "architectures": ["MarianMTModel"], "is_encoder_decoder": True, "vocab_size": V, "d_model": D, "encoder_layers": L, "decoder_layers": M, "encoder_attention_heads": H,
              "decoder_attention_heads": H, "encoder_ffn_dim": hidden, "decoder_ffn_dim": hidden, "max_position_embeddings": C, "activation_function": "swish", "scale_embedding": True,
              "static_position_embeddings": True, "normalize_before": False, "normalize_embedding": False, "share_encoder_decoder_embeddings": True, "tie_word_embeddings": True, "dropout": 0.1,
              "pad_token_id": names.index("<pad>"), "eos_token_id": names.index("</s>"), "decoder_start_token_id": names.index("<pad>")}
    folder("marian", config, w, {"source": source, "target": target, "logits": logits}, tokenizer)


if __name__ == "__main__":
    gpt2()
    llama()
    bert(False)
    bert(True)
    for timm in (False, True):
        vit(timm)
        swin(timm)
    marian()
