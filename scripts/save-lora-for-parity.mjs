// Trains adapters on tiny models that transformers made (test/golden), and saves merged students, adapters and what our engine
// computes with them, for python/parity/check_lora.py to compare with PEFT. Needs `npm run build`:
//
//   node scripts/save-lora-for-parity.mjs <folder>
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onnxEngine } from "../dist/engine/onnx/student.js";
import { RandomStream } from "../dist/util/random.js";

const out = process.argv[2];
if (out === undefined) {
  console.error("usage: node scripts/save-lora-for-parity.mjs <folder>");
  process.exit(2);
}

const students = {
  "golden/gpt2-tied": ["c_attn", "mlp.c_proj"],
  "golden/gpt2-untied": ["all-linear"],
  "golden/qwen2-tied": ["q_proj", "v_proj", "down_proj"],
  "golden/qwen2-untied": ["all-linear"],
  "golden/llama-grouped": ["all-linear"],
  "golden/phi3-tied": ["qkv_proj", "gate_up_proj"],
  "golden-t5/relu-tied": ["q", "v", "wo"],
};
const added = 3;

for (const [name, targets] of Object.entries(students)) {
  const folder = fileURLToPath(new URL(`../test/${name}`, import.meta.url));
  const probe = await onnxEngine.open(folder, { threads: 1 });
  const { vocabularySize } = probe.capabilities();
  await probe.close();
  // Tokens that the base knows, and all that are added.
  const tokens = [2, 5, ...Array.from({ length: added }, (_, i) => vocabularySize + i)];
  const student = await onnxEngine.open(folder, {
    threads: 1,
    seed: 3,
    vocabularySize: vocabularySize + added,
    lora: { rank: 4, alpha: 6, targets, tokens },
  });
  const random = new RandomStream(8, name);
  const ids = (count) => Array.from({ length: count }, () => random.below(vocabularySize + added));
  const items = Array.from({ length: 4 }, (_, i) => ({
    prompt: [...ids(6), tokens.at(-1)],
    context: ids(i),
    target: [...ids(10), tokens[2 + (i % added)]],
    weight: 0.25,
  }));
  for (let step = 0; step < 10; step++) await student.train([items.slice(0, 2), items.slice(2)], 1e-2);
  const target = join(out, name.replace("/", "-"));
  await student.saveModel(target);
  const alsoTokens = Array.from({ length: vocabularySize + added }, (_, id) => id);
  const scores = await student.score(items, { alsoTokens });
  const sequences = items.map(({ prompt, context, target: written }, i) => ({
    prompt,
    context,
    target: written,
    // [target length + 1][vocabulary], nats: before each target token, and after the last.
    logProbabilities: Array.from({ length: written.length + 1 }, (_, position) =>
      scores[i].alsoLogProbabilities.map((values) => Number(values[position].toPrecision(9))),
    ),
  }));
  await student.close();
  writeFileSync(join(target, "expected.json"), `${JSON.stringify({ tokens, sequences })}\n`);
  console.error(`saved ${target}`);
}
