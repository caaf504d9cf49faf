/**
 * Writes into a model folder what our engine and tokenizer make of it (expected.json), for python/parity/check_saved.py to
 * compare with transformers: log-probabilities over the whole vocabulary, greedy continuations, ids and texts.
 *
 *   npx tsc -p tsconfig.tools.json && node build/scripts/expect-for-parity.js <folder> && python python/parity/check_saved.py <folder>
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onnxEngine } from "../src/engine/onnx/student.ts";
import { loadTokenizer } from "../src/students/tokenizer.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node build/scripts/expect-for-parity.js <folder>");
  process.exit(2);
}
const texts = [
  "Once upon a time, there was a little girl named Lily. She loved to play outside in the park.",
  "Tom has 12 apples and buys 30 more, so he has 42 apples.",
  "  indented\n\n\ttabs, trailing spaces  \nand 1,000.50 + 7 = 1007.5 ###",
  "naïve café 東京 🙂 e\u0301 they're don't I'LL",
];
const greedyTokens = 64;

const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
const begin: number[] = typeof config.bos_token_id === "number" ? [config.bos_token_id] : [];
const tokenizer = await loadTokenizer(folder);
const student = await onnxEngine.open(folder, { threads: 1 });
const { vocabularySize } = student.capabilities();
const items = texts.map((text) => {
  const ids = tokenizer.encode(text);
  const half = Math.ceil(ids.length / 2);
  return { prompt: [...begin, ...ids.slice(0, half)], context: [], target: ids.slice(half) };
});
const everyId = Array.from({ length: vocabularySize }, (_, id) => id);
const scores = await student.score(items, { alsoTokens: everyId });
const greedy = await student.generate(items, { maxNewTokens: greedyTokens, stopTokens: [] });
const expected = {
  vocabularySize,
  endOfSequence: tokenizer.endOfSequence,
  addedIds: {},
  texts: texts.map((text) => ({ text, ids: tokenizer.encode(text) })),
  decoded: items.map(({ prompt, target }) => {
    const ids = [...prompt, ...target];
    return { ids, text: tokenizer.decode(ids), withSpecial: tokenizer.decode(ids, { keepSpecial: true }) };
  }),
  sequences: items.map(({ prompt, target }, i) => ({
    given: prompt,
    target,
    // [target length + 1][vocabulary], nats: before each target token, and after the last.
    logProbabilities: Array.from({ length: target.length + 1 }, (_, position) =>
      scores[i]!.alsoLogProbabilities.map((values) => Number(values[position]!.toPrecision(9))),
    ),
    greedy: greedy[i]!.tokens,
  })),
};
await student.close();
writeFileSync(join(folder, "expected.json"), `${JSON.stringify(expected)}\n`);
console.error(`wrote ${join(folder, "expected.json")}`);
