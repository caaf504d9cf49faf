/**
 * Makes the base student in models/base: a small GPT-2 that knows words, digits and single steps of the built-in worlds, and
 * no worked solutions (src/tasks/corpus says what it reads). Ordinary language modelling on packed documents.
 *
 *   npm run base -- --minutes 60 --out models/base
 *
 * Progress goes to <out>/training.jsonl; weights are saved every few minutes and at the end (float16, to keep the file small).
 */
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { WeightedSequence } from "../src/engine/engine.ts";
import { dataOf, makeParameterStore } from "../src/engine/onnx/parameters.ts";
import { Scorer } from "../src/engine/onnx/scoring.ts";
import { Trainer } from "../src/engine/onnx/training.ts";
import { trainByteLevelBpe } from "../src/students/bpe.ts";
import { gpt2Family } from "../src/students/families/gpt2.ts";
import { initializeGpt2, newGpt2Config, parseGpt2Config } from "../src/students/gpt2-config.ts";
import { writeModelFolder } from "../src/students/model-folder.ts";
import { loadTokenizer } from "../src/students/tokenizer.ts";
import { corpusDocument, singleStepProbes } from "../src/tasks/corpus/index.ts";
import { RandomStream } from "../src/util/random.ts";

const { values } = parseArgs({
  options: {
    out: { type: "string", default: "models/base" },
    minutes: { type: "string", default: "60" },
    layers: { type: "string", default: "5" },
    width: { type: "string", default: "160" },
    heads: { type: "string", default: "5" },
    vocabulary: { type: "string", default: "1536" },
    tokensPerStep: { type: "string", default: "2048" },
    learningRate: { type: "string", default: "2.5e-3" },
    seed: { type: "string", default: "1" },
    threads: { type: "string", default: "0" },
  },
});
const seed = Number(values.seed);
const seconds = Number(values.minutes) * 60;
const peak = Number(values.learningRate);
const contextLength = 512;
/**
 * What is read, by the share of the time that has passed. Copying comes first: a small model trained on sentences alone did not
 * learn to copy in 3 M tokens, and everything else (recall, state, restating) builds on it. Short sequences teach faster,
 * long ones come last so that every position is trained.
 */
const phases = [
  { until: 0.03, length: 48, copyShare: 1 },
  { until: 0.12, length: 96, copyShare: 0.7 },
  { until: 0.5, length: 128, copyShare: 0.1 },
  { until: 0.82, length: 256, copyShare: 0.06 },
  { until: 1, length: 512, copyShare: 0.04 },
];

mkdirSync(values.out, { recursive: true });
const log = (record: object) => appendFileSync(`${values.out}/training.jsonl`, JSON.stringify(record) + "\n");

const sample = new RandomStream(seed, "base/vocabulary");
const texts = Array.from({ length: 12_000 }, () => corpusDocument(sample));
const endOfText = "<|endoftext|>";
const files = trainByteLevelBpe(texts, {
  vocabularySize: Number(values.vocabulary),
  endOfText,
  splitDigits: true,
});
writeFileSync(`${values.out}/tokenizer.json`, JSON.stringify(files));
writeFileSync(
  `${values.out}/tokenizer_config.json`,
  JSON.stringify(
    {
      tokenizer_class: "PreTrainedTokenizerFast",
      bos_token: endOfText,
      eos_token: endOfText,
      model_max_length: contextLength,
    },
    null,
    2,
  ),
);
const tokenizer = await loadTokenizer(values.out);
const end = tokenizer.endOfSequence;

const config = newGpt2Config({
  layers: Number(values.layers),
  width: Number(values.width),
  heads: Number(values.heads),
  contextLength,
  vocabularySize: tokenizer.vocabularySize,
  endOfText: end,
});
const parsed = parseGpt2Config(config, "config.json");
const family = gpt2Family(parsed);
const initial = initializeGpt2(parsed, seed);
startPositionsAsWaves(initial.get("transformer.wpe.weight")!, parsed.n_embd);
const store = makeParameterStore(family.parameterShapes, initial);
const threads = Number(values.threads);
const optimizer = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.05, maxGradientNorm: 1 };
const trainer = new Trainer(family, store, optimizer, threads);

const documents = new RandomStream(seed, "base/documents");
/** A sequence starts with a document's beginning; the last document is cut. */
function packed(length: number): WeightedSequence {
  const ids: number[] = [end];
  while (ids.length <= length) ids.push(...tokenizer.encode(corpusDocument(documents)), end);
  return { prompt: ids.slice(0, 1), context: [], target: ids.slice(1, length + 1), weight: 1 };
}

/**
 * Learned positions that begin as sines and cosines (Vaswani et al. 2017): "the token before" is then one linear map for all
 * positions, so a copying circuit found at short lengths serves long ones.
 */
function startPositionsAsWaves(positions: Float32Array, width: number): void {
  const amplitude = 0.03;
  for (let i = 0; i < positions.length; i++) {
    const column = i % width;
    const angle = Math.floor(i / width) * 10_000 ** (-(column - (column % 2)) / width);
    positions[i] = amplitude * (column % 2 === 0 ? Math.sin(angle) : Math.cos(angle));
  }
}

const copies = new RandomStream(seed, "base/copies");
/** Random tokens, then the same again: only the repetition can be predicted, so only it carries loss. */
function copyTask(length: number): WeightedSequence {
  const span = copies.between(3, Math.floor(length / 2));
  const distinct = copies.between(Math.min(span, 4), span);
  const pool = Array.from({ length: distinct }, () => 1 + copies.below(tokenizer.vocabularySize - 1));
  const first = Array.from({ length: span }, () => copies.pick(pool));
  const ids: number[] = [];
  while (ids.length < length) ids.push(...first);
  return { prompt: [end], context: first, target: ids.slice(span, length), weight: 1 };
}

async function save(): Promise<void> {
  await writeModelFolder(values.out, {
    config,
    generationConfig: { bos_token_id: end, eos_token_id: end },
    tensors: [...store.weights].map(([name, tensor]) => ({
      name,
      shape: [...tensor.dims],
      data: dataOf(tensor),
    })),
    dtype: "F16",
  });
}

const counters = {
  scoredSequences: 0,
  scoredTokens: 0,
  forwardPasses: 0,
  trainingSteps: 0,
  generatedTokens: 0,
};
async function probe(): Promise<Record<string, number>> {
  const probes = singleStepProbes(new RandomStream(seed + 1, "base/probes"), 300);
  const scorer = new Scorer(family, store, threads, counters);
  const scores = await scorer.score(
    probes.map(({ prompt, answer }) => ({
      prompt: [end, ...tokenizer.encode(prompt)],
      context: [],
      target: tokenizer.encode(answer),
    })),
  );
  await scorer.close();
  const right = new Map<string, [number, number]>();
  probes.forEach(({ kind }, i) => {
    const entry = right.get(kind) ?? [0, 0];
    entry[0] += scores[i]!.isArgmax.every((flag) => flag === 1) ? 1 : 0;
    entry[1] += 1;
    right.set(kind, entry);
  });
  return Object.fromEntries(
    [...right].map(([kind, [hits, total]]) => [kind, Math.round((100 * hits) / total) / 100]),
  );
}

const started = performance.now();
let step = 0;
let tokens = 0;
let average = 0;
let lastLog = 0;
let lastSave = 0;
const warmUpSteps = 150;
for (;;) {
  const elapsed = (performance.now() - started) / 1000;
  const share = Math.min(1, elapsed / seconds);
  if (share >= 1) break;
  const { length, copyShare } = phases.find((phase) => share < phase.until)!;
  const rows = Math.max(1, Math.round(Number(values.tokensPerStep) / length));
  const batch = Array.from({ length: rows }, () => {
    const sequence = copies.next() < copyShare ? copyTask(length) : packed(length);
    return { ...sequence, weight: 1 / rows };
  });
  // The schedule follows the clock: the budget is time. Cosine to a tenth of the peak.
  const decay = 0.1 + 0.45 * (1 + Math.cos(Math.PI * share));
  const learningRate = peak * Math.min(decay, (step + 1) / warmUpSteps);
  const report = await trainer.train([batch], learningRate);
  if (!Number.isFinite(report.loss)) throw new Error(`the loss is not a number at step ${step}`);
  step += 1;
  tokens += report.targetTokens;
  average = step === 1 ? report.loss : 0.98 * average + 0.02 * report.loss;
  if (elapsed - lastLog > 30 || step === 1) {
    lastLog = elapsed;
    log({
      step,
      tokens,
      minutes: Math.round(elapsed / 6) / 10,
      loss: Number(average.toFixed(4)),
      learningRate,
      length,
    });
  }
  if (elapsed - lastSave > 300) {
    lastSave = elapsed;
    await save();
    log({ step, probes: await probe() });
  }
}
await save();
log({
  step,
  tokens,
  minutes: Number(values.minutes),
  loss: Number(average.toFixed(4)),
  probes: await probe(),
});
await trainer.close();
