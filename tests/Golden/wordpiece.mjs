// Ids of hard texts under small WordPiece vocabularies by Hugging Face's tokenizers: node wordpiece.mjs
//
// Needs the npm package @anush008/tokenizers. Writes data/wordpiece-uncased.txt, data/wordpiece-cased.txt and data/wordpiece.json.
import fs from 'fs';
import os from 'os';
import path from 'path';
import { fileURLToPath } from 'url';
import tokenizers from '@anush008/tokenizers';

const here = path.join(path.dirname(fileURLToPath(import.meta.url)), 'data');
const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const letters = [...'abcdefghijklmnopqrstuvwxyz0123456789.,!?\'"$+^`-_()[]<>|~€ßжω中文あかᄀ'];
const pieces = ['the', 'bee', 'bees', 'bridge', 'river', 'morning', 'un', 'istanbul', '##ing', '##ed', '##s', '##able', '##ies', '##bridge'];
const capitals = ['A', 'B', 'T', 'The', 'É', 'é', 'İ', '##É', '##é', '각'];
const texts = [
    'The bees crossed the bridge, twice!', 'unbridged rivers\nand\tmornings\r\nend', 'É é ÉÉ caf\u00e9 cafe\u0301 \u0301 Istanbul İstanbul ẞß', '中文中あが各 x中y', 'a\u0000b\ufffdc\u200bd\u00ade',
    'a\u00a0b\u3000c\u2028d', '$1.50 + ^x^ `y` ~z~ |w|', 'don\'t "quote" (it) [UNK] [CLS] <s>', 'x'.repeat(100), 'x'.repeat(101), '각 가 한글', '𝐀 😀 e😀e', 'ω Ω ж Ж ǆ ǅ Ǆ', '\u0381 \ue000 x\ue000y', '', '   ', 'é\u0323e\u0323\u0301',
];

const golden = { texts };
for (const [name, lowercase, more] of [['uncased', true, []], ['cased', false, capitals]]) {
    const tokens = [...new Set([...special, ...letters, ...letters.map(letter => '##' + letter), ...pieces, ...more])];
    fs.writeFileSync(path.join(here, `wordpiece-${name}.txt`), tokens.join('\n') + '\n');
    const file = path.join(os.tmpdir(), `wordpiece-${process.pid}.json`);
    fs.writeFileSync(file, JSON.stringify({
        version: '1.0', truncation: null, padding: null, added_tokens: [], post_processor: null, decoder: { type: 'WordPiece', prefix: '##', cleanup: false },
        normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase },
        pre_tokenizer: { type: 'BertPreTokenizer' },
        model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab: Object.fromEntries(tokens.map((token, id) => [token, id])) },
    }));
    const tokenizer = await tokenizers.Tokenizer.fromFile(file);
    fs.unlinkSync(file);
    golden[name] = [];
    for (const text of texts) golden[name].push([...(await tokenizer.encode(text, null, { addSpecialTokens: false })).getIds()]);
}
fs.writeFileSync(path.join(here, 'wordpiece.json'), JSON.stringify(golden) + '\n');
