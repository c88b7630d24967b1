#!/usr/bin/env python3
"""Small vocabularies of SentencePiece's own programs, and their ids of hard texts: python3 sentencepiece.py

Needs spm_train and spm_encode (Debian: sentencepiece). Writes data/sentencepiece-bpe.model, made as Llama's is, with a fallback to bytes,
data/sentencepiece-unigram.model, made as T5's is, with a few replacements of characters, and data/sentencepiece.json.
"""
import json
import os
import random
import subprocess
import tempfile

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'data')
WORDS = ('a small train of bees carried seven letters over the old bridge while nobody looked up from the river and its stones '
         'because every morning in the village began with bread coffee and the same long argument about the weather').split()
CHARACTERS = ['é', 'ß', 'Ω', 'ж', '中', '文', 'あ', '각', 'ﬁ', 'Ａ', '\u3000', '\u00a0', '\t', '😀', '𝐀', '\u0301', '<sep>', '<s>', '</s>', '▁', '0', '42',
              '2026', '...', '!?', "'s", '"', '   ', '  ', ' ', 'III', 'aaa', 'aaaa', 'llll', 'McX']

random.seed(20180808)


def sentence(odd):
    parts = []
    for _ in range(random.randint(1, 14)):
        if random.random() < odd:
            parts.append(random.choice(CHARACTERS))
        else:
            parts.append(random.choice(WORDS) + random.choice([' ', ' ', ' ', ', ', '. ', '']))
    return ''.join(parts)


training = [sentence(0.15) for _ in range(3000)]
texts = [sentence(odd) for odd in (0, 0.2, 0.5, 0.8) for _ in range(60)] + ['a', 'é', ' ', '   ', ' a', 'a ', '中', '▁', 'the  bees', '\t', '😀😀']

with tempfile.TemporaryDirectory() as folder:
    def path(name):
        return os.path.join(folder, name)

    with open(path('train.txt'), 'w', encoding='utf-8') as file:
        file.write('\n'.join(training) + '\n')
    with open(path('rules.tsv'), 'w', encoding='utf-8') as file:
        for source, target in {'ﬁ': 'fi', 'Ａ': 'A', '\u3000': ' ', '\u00a0': ' ', '\t': ' ', 'e\u0301': 'é'}.items():
            file.write(' '.join(f'{ord(c):X}' for c in source) + '\t' + ' '.join(f'{ord(c):X}' for c in target) + '\n')

    def train(name, *options):
        subprocess.run(['spm_train', '--input=' + path('train.txt'), '--model_prefix=' + path(name), *options], check=True, capture_output=True)
        with open(path(name + '.model'), 'rb') as file, open(os.path.join(HERE, f'sentencepiece-{name}.model'), 'wb') as copy:
            copy.write(file.read())

    train('bpe', '--model_type=bpe', '--vocab_size=560', '--byte_fallback=true', '--character_coverage=0.99', '--normalization_rule_name=identity',
          '--remove_extra_whitespaces=false', '--allow_whitespace_only_pieces=true', '--split_digits=true', '--user_defined_symbols=<sep>')
    train('unigram', '--model_type=unigram', '--vocab_size=260', '--character_coverage=0.99', '--normalization_rule_tsv=' + path('rules.tsv'),
          '--pad_id=0', '--eos_id=1', '--unk_id=2', '--bos_id=-1')

    def encode(name):
        done = subprocess.run(['spm_encode', '--model=' + os.path.join(HERE, f'sentencepiece-{name}.model'), '--output_format=id'],
                              input='\n'.join(texts) + '\n', check=True, capture_output=True, encoding='utf-8')
        return [[int(id) for id in line.split()] for line in done.stdout.split('\n')[:len(texts)]]

    def decode(name, rows):
        done = subprocess.run(['spm_decode', '--model=' + os.path.join(HERE, f'sentencepiece-{name}.model'), '--input_format=id'],
                              input='\n'.join(' '.join(map(str, row)) for row in rows) + '\n', check=True, capture_output=True, encoding='utf-8')
        return done.stdout.split('\n')[:len(texts)]

    golden = {'texts': texts}
    for name in ('bpe', 'unigram'):
        golden[name] = encode(name)
        golden[name + '_decoded'] = decode(name, golden[name])

with open(os.path.join(HERE, 'sentencepiece.json'), 'w', encoding='utf-8') as file:
    json.dump(golden, file, ensure_ascii=True, separators=(',', ':'))
    file.write('\n')
