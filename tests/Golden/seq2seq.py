#!/usr/bin/env python3
"""Logits and gradients of small encoder-decoders by PyTorch's own transformer layers: python3 seq2seq.py

Writes data/seq2seq-post.safetensors and data/seq2seq-pre.safetensors: weights under the names of this project's modules,
a padded batch, the logits, and under "gradient." the gradient of the summed cross entropy by each weight. PyTorch's layers
keep queries, keys and values of cross attention in one matrix; here they are two, so weights are cut and gradients too.
"""
import json
import math
import os
import struct

import torch
from torch import nn

V, D, H, F, L = 13, 12, 3, 20, 2


def positions(length):
    table = torch.zeros(length, D)
    for p in range(length):
        for i in range(0, D, 2):
            table[p, i] = math.sin(p / 10000 ** (i / D))
            table[p, i + 1] = math.cos(p / 10000 ** (i / D))
    return table


def names_of(layer, prefix, cross):
    """Pairs of our name and the tensor (or slice of one) of PyTorch's layer."""
    yield prefix + 'attention.packed.weight', layer.self_attn.in_proj_weight, slice(None)
    yield prefix + 'attention.packed.bias', layer.self_attn.in_proj_bias, slice(None)
    yield prefix + 'attention.output.weight', layer.self_attn.out_proj.weight, slice(None)
    yield prefix + 'attention.output.bias', layer.self_attn.out_proj.bias, slice(None)
    yield prefix + 'attentionResidual.norm.weight', layer.norm1.weight, slice(None)
    yield prefix + 'attentionResidual.norm.bias', layer.norm1.bias, slice(None)
    last = layer.norm2
    if cross:
        attention = layer.multihead_attn
        yield prefix + 'crossAttention.query.weight', attention.in_proj_weight, slice(0, D)
        yield prefix + 'crossAttention.query.bias', attention.in_proj_bias, slice(0, D)
        yield prefix + 'crossAttention.keyValue.weight', attention.in_proj_weight, slice(D, 3 * D)
        yield prefix + 'crossAttention.keyValue.bias', attention.in_proj_bias, slice(D, 3 * D)
        yield prefix + 'crossAttention.output.weight', attention.out_proj.weight, slice(None)
        yield prefix + 'crossAttention.output.bias', attention.out_proj.bias, slice(None)
        yield prefix + 'crossAttentionResidual.norm.weight', layer.norm2.weight, slice(None)
        yield prefix + 'crossAttentionResidual.norm.bias', layer.norm2.bias, slice(None)
        last = layer.norm3
    yield prefix + 'feedForward.up.weight', layer.linear1.weight, slice(None)
    yield prefix + 'feedForward.up.bias', layer.linear1.bias, slice(None)
    yield prefix + 'feedForward.down.weight', layer.linear2.weight, slice(None)
    yield prefix + 'feedForward.down.bias', layer.linear2.bias, slice(None)
    yield prefix + 'feedForwardResidual.norm.weight', last.weight, slice(None)
    yield prefix + 'feedForwardResidual.norm.bias', last.bias, slice(None)


def write(path, tensors):
    header, body = {}, b''
    for name, tensor in tensors.items():
        data = tensor.detach().contiguous()
        code, kind = ('f', 'F32') if data.dtype == torch.float32 else ('q', 'I64')
        raw = struct.pack(f'<{data.numel()}{code}', *data.flatten().tolist())
        header[name] = {'dtype': kind, 'shape': list(data.shape), 'data_offsets': [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text + body)


def case(pre):
    embedding = nn.Embedding(V, D)
    make = dict(d_model=D, nhead=H, dim_feedforward=F, dropout=0.0, batch_first=True, norm_first=pre)
    model = nn.Transformer(num_encoder_layers=L, num_decoder_layers=L, **make)
    if not pre:  # The paper's post-norm model has no further norm.
        model.encoder.norm = model.decoder.norm = None
    with torch.no_grad():
        nn.init.normal_(embedding.weight, 0, D ** -0.5)
        for parameter in model.parameters():
            if parameter.dim() == 1:  # Biases and norms too, or a mix-up of them would not show.
                parameter.add_(0.3 * torch.randn_like(parameter))
    source = torch.tensor([[3, 4, 5, 6, 2], [7, 8, 2, 0, 0], [9, 10, 11, 2, 0]])
    target = torch.tensor([[1, 5, 4, 3], [1, 12, 0, 0], [1, 6, 6, 0]])
    labels = torch.tensor([[5, 4, 3, 2], [12, 2, -100, -100], [6, 6, 2, -100]])
    padding = source == 0
    embed = lambda ids: embedding(ids) * math.sqrt(D) + positions(ids.shape[1])
    hidden = model(embed(source), embed(target), src_key_padding_mask=padding, memory_key_padding_mask=padding,
                   tgt_mask=nn.Transformer.generate_square_subsequent_mask(target.shape[1]))
    logits = hidden @ embedding.weight.T
    loss = nn.functional.cross_entropy(logits.reshape(-1, V), labels.reshape(-1), reduction='sum', ignore_index=-100)
    loss.backward()

    named = [('sourceTokens.weight', embedding.weight, slice(None))]
    for i in range(L):
        named += names_of(model.encoder.layers[i], f'encoder.{i}.', cross=False)
        named += names_of(model.decoder.layers[i], f'decoder.{i}.', cross=True)
    if pre:
        for ours, norm in (('encoderNorm', model.encoder.norm), ('decoderNorm', model.decoder.norm)):
            named += [(f'{ours}.weight', norm.weight, slice(None)), (f'{ours}.bias', norm.bias, slice(None))]
    tensors = {name: whole[part] for name, whole, part in named}
    tensors.update({'gradient.' + name: whole.grad[part] for name, whole, part in named})
    tensors.update({'in.source': source, 'in.target': target, 'in.labels': labels, 'out.logits': logits, 'out.loss': loss.reshape(1)})
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'data')
    write(os.path.join(folder, f'seq2seq-{"pre" if pre else "post"}.safetensors'), tensors)


if __name__ == '__main__':
    torch.manual_seed(20170612)
    case(pre=False)
    case(pre=True)
