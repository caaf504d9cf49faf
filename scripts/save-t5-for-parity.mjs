// Opens a tiny T5 of test/golden-t5 with three tokens more, trains it for a few steps and saves it together with what it
// computes, for `python/parity/make_golden_t5.py --saved` to compare in transformers. Needs `npm run build`:
//
//   node scripts/save-t5-for-parity.mjs <folder> [student]
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onnxEngine } from "../dist/engine/onnx/student.js";

const [out, name = "gated-untied"] = process.argv.slice(2);
if (out === undefined) {
  console.error("usage: node scripts/save-t5-for-parity.mjs <folder> [student]");
  process.exit(2);
}
const source = join(import.meta.dirname, "../test/golden-t5", name);
const { items, greedy } = JSON.parse(readFileSync(join(source, "golden.json"), "utf8"));
const { vocab_size } = JSON.parse(readFileSync(join(source, "config.json"), "utf8"));
const student = await onnxEngine.open(source, { threads: 1, vocabularySize: vocab_size + 3 });
try {
  for (let step = 0; step < 3; step++) await student.train([items], 0.01);
  await student.saveModel(out);
  // The new tokens are read and predicted like any other.
  const sequences = greedy.map(({ prompt, context, tokens }) => ({
    prompt: [...prompt, vocab_size],
    context: [...context, vocab_size + 1],
    target: [...tokens.slice(0, 20), vocab_size + 2],
  }));
  const scores = await student.score(sequences);
  const generations = await student.generate(sequences, { maxNewTokens: 32, stopTokens: [] });
  const expected = sequences.map((sequence, i) => ({
    ...sequence,
    logProbabilities: [...scores[i].logProbabilities],
    greedy: generations[i].tokens,
  }));
  writeFileSync(join(out, "expected.json"), JSON.stringify({ sequences: expected }));
} finally {
  await student.close();
}
