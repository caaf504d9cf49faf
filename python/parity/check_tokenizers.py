"""Ids and texts of the Python library for 10,000 mixed strings, for scripts/compare-tokenizers.ts to hold ours against.

    python python/parity/check_tokenizers.py TOKENIZERS OUT    one JSON file in OUT for each folder in TOKENIZERS
    npx tsc -p tsconfig.tools.json && node build/scripts/compare-tokenizers.js OUT

Each file holds the folder's tokenizer as `tokenizers` reads it, the strings, their ids, and the text of the ids and of random
ids. Strings are drawn by a seed: words and numbers, code, white space, emoji and their joiners, other scripts, any code
points, and the contents of ordinary added tokens.
"""

import argparse
import json
import random
from pathlib import Path

from tokenizers import Tokenizer, pre_tokenizers
from tokenizers import decoders as tokenizer_decoders
from tokenizers.models import BPE

SEED = 20
COUNT = 10_000

PLAIN = (
    "the Tom's they've I'LL don't apples 12 3.14159 1,000,000 x=y+1 Once upon a time naïve café Zürich señor "
    "question answer therefore 42 7 100% $5.00 (a+b)^2 U.S.A. e-mail @user #tag https://example.org/a?b=c&d=%20"
)
WORDS = PLAIN.split(" ")
CODE = [
    "def f(x):\n    return x ** 2\n",
    "for (let i = 0; i < n; i++) {\n\tsum += a[i];\n}",
    '<div class="a">&nbsp;</div>',
    'if x != None and y >= 0:\r\n        print(f"{x!r}")',
    "SELECT * FROM t WHERE a = 'b' -- c",
    "\\frac{1}{2} \\cdot x_{i}",
]
SPACES = " \t\n\r\u000b\u000c\u0085\u00a0\u1680\u2003\u2009\u2028\u2029\u202f\u3000\ufeff\u200b\u200c\u200d"
EMOJI = ["🙂", "👩‍👩‍👧‍👦", "🇩🇪", "👍🏽", "❤️", "☎", "🏳️‍🌈", "🫠", "✓", "→", "∑", "½", "²", "①", "Ⅷ", "ﬁ", "™"]
SCRIPTS = [
    "东京都 汉字測試。",
    "ひらがなカタカナ",
    "한국어 문장입니다",
    "Привет, мир! Ёлка",
    "Ελληνικά άλφα",
    "שָׁלוֹם עולם",
    "مرحبا ١٢٣ بالعالم",
    "हिन्दी में १२३ क्षि",
    "ภาษาไทย น้ำ",
    "தமிழ் ௧௨",
    "ქართული",
    "Հայերեն",
    "አማርኛ",
    "Tiếng Việt ở đây",
    "İstanbul ılık ß ẞ ſ",
    "e\u0301 n\u0303 o\u0308\u0323",
    "𝒳 𝟘𝟙 𐍈 🂡",
    "Å Å ﷺ ｆｕｌｌ　ｗｉｄｔｈ",
]


def code_point(draw):
    """Any character but surrogates, which no text holds."""
    while True:
        limit = draw.choice((0x80, 0x800, 0x3000, 0x10000, 0x20000, 0x110000))
        value = draw.randrange(limit)
        if not 0xD800 <= value <= 0xDFFF:
            return chr(value)


def piece(draw, added):
    kind = draw.randrange(9 if added else 8)
    if kind <= 1:
        return " ".join(draw.choice(WORDS) for _ in range(draw.randint(1, 6)))
    if kind == 2:
        return str(draw.randrange(10 ** draw.randint(1, 12)))
    if kind == 3:
        return draw.choice(SPACES if draw.random() < 0.5 else " \n") * draw.randint(1, 26)
    if kind == 4:
        return "".join(draw.choice(SPACES) for _ in range(draw.randint(1, 5)))
    if kind == 5:
        return draw.choice(CODE)
    if kind == 6:
        return draw.choice(EMOJI) + draw.choice(SCRIPTS)
    if kind == 7:
        return "".join(code_point(draw) for _ in range(draw.randint(1, 8)))
    return draw.choice(added)


def strings(added):
    draw = random.Random(SEED)
    glue = ["", " ", "\n", ", "]
    return [
        "".join(piece(draw, added) + draw.choice(glue) for _ in range(draw.randint(1, 6)))
        for _ in range(COUNT)
    ]


def read(folder):
    """The folder's tokenizer: tokenizer.json, T5's spiece.model, or GPT-2's older vocabulary and merges."""
    if (folder / "spiece.model").exists():
        # Converted by transformers, which needs sentencepiece and protobuf for it.
        from transformers import T5Tokenizer

        return T5Tokenizer.from_pretrained(folder).backend_tokenizer
    if (folder / "tokenizer.json").exists():
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer = Tokenizer(BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizer_decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    return tokenizer


def plain_added_tokens(tokenizer):
    """Added tokens of letters and white space alone. Others are control tokens to us, which no text may reach."""
    added = tokenizer.get_added_tokens_decoder().values()
    return sorted(t.content for t in added if not t.special and t.content.replace(" ", "a").isalnum())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tokenizers", type=Path, help="folder of tokenizer folders")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for folder in sorted(arguments.tokenizers.iterdir()):
        if not any((folder / name).exists() for name in ("tokenizer.json", "spiece.model", "vocab.json")):
            print(f"{folder.name}: no tokenizer that the library reads, left out")
            continue
        tokenizer = read(folder)
        texts = strings(plain_added_tokens(tokenizer))
        ids = [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
        draw = random.Random(SEED + 1)
        size = tokenizer.get_vocab_size(with_added_tokens=False)
        loose = [[draw.randrange(size) for _ in range(draw.randint(1, 12))] for _ in range(COUNT)]
        result = {
            "folder": str(folder.resolve()),
            "texts": texts,
            "ids": ids,
            "decoded": tokenizer.decode_batch(ids, skip_special_tokens=True),
            "looseIds": loose,
            "looseDecoded": tokenizer.decode_batch(loose, skip_special_tokens=True),
        }
        path = arguments.out / f"{folder.name}.json"
        path.write_text(json.dumps(result), "utf-8")
        print(f"wrote {path}: {sum(map(len, ids))} ids of {len(texts)} strings")


if __name__ == "__main__":
    main()
