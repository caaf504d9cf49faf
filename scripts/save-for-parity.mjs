// Trains a tiny student for a few steps, with added tokens, and saves it together with what it computes, for
// python/parity/check_saved.py to compare in transformers. Needs `npm run build`:
//
//   node scripts/save-for-parity.mjs <folder>
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onnxEngine } from "../dist/engine/onnx/student.js";
import { markerTokens } from "../dist/method/items/markers.js";
import { trainByteLevelBpe } from "../dist/students/bpe.js";
import {
  gpt2ParameterShapes,
  initializeGpt2,
  newGpt2Config,
  parseGpt2Config,
} from "../dist/students/gpt2-config.js";
import { writeModelFolder } from "../dist/students/model-folder.js";
import { loadTokenizer, tokenizerFromDocument } from "../dist/students/tokenizer.js";

const out = process.argv[2];
if (out === undefined) {
  console.error("usage: node scripts/save-for-parity.mjs <folder>");
  process.exit(2);
}

const texts = [
  "Tom has 12 apples and buys 30 more, so he has 42 apples.",
  "The last letters of “Amélie Rodriguez” are e and z. --> ez",
  "  indented\n\n\ttabs, trailing spaces  \nand 1,000.50 + 7 = 1007.5 ###",
  "naïve café 東京 🙂 e\u0301 \u00a0no-break, they're don't I'LL",
  "x",
];
const contextLength = 64;
const document = trainByteLevelBpe(texts, {
  vocabularySize: 300,
  endOfText: "<|endoftext|>",
  splitDigits: true,
});
const plain = tokenizerFromDocument(document);
const config = {
  ...newGpt2Config({
    vocabularySize: plain.vocabularySize,
    contextLength,
    width: 32,
    layers: 2,
    heads: 4,
    endOfText: plain.endOfSequence,
  }),
  initializer_range: 0.3,
};
const parsed = parseGpt2Config(config, "config.json");
const shapes = gpt2ParameterShapes(parsed);
const start = mkdtempSync(join(tmpdir(), "skipthink-parity-"));
try {
  await writeModelFolder(start, {
    config,
    tensors: [...initializeGpt2(parsed, 5)].map(([name, data]) => ({ name, shape: shapes.get(name), data })),
  });
  const added = markerTokens(3);
  const tokenizer = plain.withAddedTokens(added);
  const student = await onnxEngine.open(start, {
    vocabularySize: tokenizer.vocabularySize,
    seed: 5,
    threads: 1,
  });
  const addedIds = Object.fromEntries(added.map((token) => [token, tokenizer.idOf(token)]));
  const items = texts.slice(0, 4).map((text, i) => ({
    prompt: [addedIds[added[i]]],
    context: tokenizer.encode(text).slice(0, 20),
    target: [...tokenizer.encode(text).slice(20, 40), addedIds["<|chunk|>"], tokenizer.endOfSequence],
    weight: 0.25,
  }));
  for (let step = 0; step < 5; step++) await student.train([items.slice(0, 2), items.slice(2)], 3e-3);

  await student.saveModel(out);
  await tokenizer.save(out);

  // What the saved folder must give elsewhere, from the student and tokenizer that are read back from it.
  await student.close();
  const saved = await onnxEngine.open(out, { threads: 1 });
  const reread = await loadTokenizer(out);
  const everyId = Array.from({ length: reread.vocabularySize }, (_, id) => id);
  const scores = await saved.score(items, { alsoTokens: everyId });
  const greedy = await saved.generate(items, { maxNewTokens: 12, stopTokens: [] });
  const expected = {
    vocabularySize: reread.vocabularySize,
    endOfSequence: reread.endOfSequence,
    addedIds,
    texts: texts.map((text) => ({ text, ids: reread.encode(text) })),
    decoded: items.map(({ prompt, context, target }) => {
      const ids = [...prompt, ...context, ...target];
      return { ids, text: reread.decode(ids), withSpecial: reread.decode(ids, { keepSpecial: true }) };
    }),
    sequences: items.map(({ prompt, context, target }, i) => ({
      given: [...prompt, ...context],
      target,
      // [target length + 1][vocabulary], nats: before each target token, and after the last.
      logProbabilities: Array.from({ length: target.length + 1 }, (_, position) =>
        scores[i].alsoLogProbabilities.map((values) => Number(values[position].toPrecision(9))),
      ),
      greedy: greedy[i].tokens,
    })),
  };
  writeFileSync(join(out, "expected.json"), `${JSON.stringify(expected)}\n`);
  await saved.close();
  console.error(`saved a student of ${saved.capabilities().parameters} parameters in ${out}`);
} finally {
  rmSync(start, { recursive: true, force: true });
}
