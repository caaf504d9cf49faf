/**
 * Makes the base student in models/base: a small GPT-2 that knows words, digits and single steps of the built-in worlds, and
 * no worked solutions (src/tasks/corpus says what it reads). Ordinary language modelling on packed documents.
 *
 *   npm run base -- --minutes 60 --out models/base
 *
 * Progress goes to <out>/training.jsonl; weights are saved every few minutes and at the end (float16, to keep the file small).
 */
import { appendFileSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { WeightedSequence } from "../src/engine/engine.ts";
import { loadModel } from "../src/engine/onnx/load.ts";
import { dataOf, makeParameterStore } from "../src/engine/onnx/parameters.ts";
import { Scorer } from "../src/engine/onnx/scoring.ts";
import { Trainer } from "../src/engine/onnx/training.ts";
import { trainByteLevelBpe } from "../src/students/bpe.ts";
import { gpt2Family } from "../src/students/families/gpt2.ts";
import { initializeGpt2, newGpt2Config, parseGpt2Config } from "../src/students/gpt2-config.ts";
import { writeModelFolder } from "../src/students/model-folder.ts";
import { loadTokenizer } from "../src/students/tokenizer.ts";
import { corpusDocument, corpusDrill, singleStepProbes } from "../src/tasks/corpus/index.ts";
import { RandomStream } from "../src/util/random.ts";

const { values } = parseArgs({
  options: {
    out: { type: "string", default: "models/base" },
    /** Goes on from this folder's weights and tokenizer; without it the tokenizer and the weights are new. */
    from: { type: "string" },
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
const tokenizerFiles = ["tokenizer.json", "tokenizer_config.json"];
/** GPT-2's 0.02 is made for wide models; at this width it leaves attention flat for hundreds of steps. */
const embeddingDeviation = 0.07;
/**
 * What is read, by the share of the time that has passed. Copying comes first: a small model trained on sentences alone did not
 * learn to copy in 3 M tokens, and everything else (recall, state, restating) builds on it. Short sequences teach faster,
 * long ones come last so that every position is trained. Drills (single steps with a given context) teach recall and state;
 * documents alone left them at chance after 9 M tokens.
 */
const phases = [
  { until: 0.02, length: 48, copies: 1, drills: 0 },
  { until: 0.08, length: 96, copies: 0.7, drills: 0.2 },
  { until: 0.6, length: 128, copies: 0.05, drills: 0.65 },
  { until: 0.85, length: 256, copies: 0.05, drills: 0.5 },
  { until: 1, length: 512, copies: 0.04, drills: 0.4 },
];
/** A model that is trained further can copy already. */
const startShare = values.from === undefined ? 0 : 0.08;

mkdirSync(values.out, { recursive: true });
const log = (record: object) => appendFileSync(`${values.out}/training.jsonl`, JSON.stringify(record) + "\n");

if (values.from === undefined) writeNewTokenizer();
else for (const file of tokenizerFiles) copyFileSync(join(values.from, file), join(values.out, file));
const tokenizer = await loadTokenizer(values.out);
const end = tokenizer.endOfSequence;
const { family, config, initial } = values.from === undefined ? newModel() : await startFrom(values.from);
const store = makeParameterStore(family.parameterShapes, initial);
const threads = Number(values.threads);
const optimizer = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.05, maxGradientNorm: 1 };
const trainer = new Trainer(family, store, optimizer, threads);

const documents = new RandomStream(seed, "base/documents");
const copies = new RandomStream(seed, "base/copies");
/** A sequence starts with a document's beginning; the last document is cut. */
function packed(length: number): WeightedSequence {
  const ids: number[] = [end];
  while (ids.length <= length) ids.push(...tokenizer.encode(corpusDocument(documents)), end);
  return { prompt: ids.slice(0, 1), context: [], target: ids.slice(1, length + 1), weight: 1 };
}

/** One drill, at a place in the sequence that varies: something short is read before it. */
function drillTask(length: number): WeightedSequence {
  const { context, target } = corpusDrill(documents);
  const [given, asked] = [tokenizer.encode(context), tokenizer.encode(target)];
  const room = Math.max(0, length - given.length - asked.length - 1);
  const before: number[] = [];
  if (documents.next() < 0.3) {
    before.push(...tokenizer.encode(corpusDrill(documents).context), end);
    if (before.length > room) before.length = 0;
  }
  const targetRoom = Math.max(8, contextLength - 1 - before.length - given.length);
  return { prompt: [end], context: [...before, ...given], target: asked.slice(0, targetRoom), weight: 1 };
}

const lengthOf = ({ context, target }: WeightedSequence): number => 1 + context.length + target.length;

/** The next batches: sequences of similar length together, so that little is padding. */
function drawBatches(phase: (typeof phases)[number]): WeightedSequence[][] {
  const tokensPerStep = Number(values.tokensPerStep);
  const drawn: WeightedSequence[] = [];
  let total = 0;
  while (total < 24 * tokensPerStep) {
    const draw = copies.next();
    const sequence =
      draw < phase.copies
        ? copyTask(phase.length)
        : draw < phase.copies + phase.drills
          ? drillTask(phase.length)
          : packed(phase.length);
    drawn.push(sequence);
    total += lengthOf(sequence);
  }
  drawn.sort((a, b) => lengthOf(a) - lengthOf(b));
  const batches: WeightedSequence[][] = [[]];
  for (const sequence of drawn) {
    const batch = batches.at(-1)!;
    if ((batch.length + 1) * lengthOf(sequence) > 1.1 * tokensPerStep) batches.push([sequence]);
    else batch.push(sequence);
  }
  return documents.shuffle(
    batches.map((batch) => {
      // Every supervised token of a batch counts the same.
      const tokens = batch.reduce((sum, { target }) => sum + target.length, 0);
      return batch.map((sequence) => ({ ...sequence, weight: sequence.target.length / tokens }));
    }),
  );
}

function writeNewTokenizer(): void {
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
}

function newModel() {
  const config = newGpt2Config({
    layers: Number(values.layers),
    width: Number(values.width),
    heads: Number(values.heads),
    contextLength,
    vocabularySize: tokenizer.vocabularySize,
    endOfText: end,
  });
  config.initializer_range = 0.05;
  const parsed = parseGpt2Config(config, "config.json");
  const initial = initializeGpt2(parsed, seed);
  seedCopying(initial, parsed.n_embd, parsed.n_head);
  return { family: gpt2Family(parsed), config, initial };
}

async function startFrom(folder: string) {
  const { config, weights } = await loadModel(folder);
  const parsed = parseGpt2Config(config, join(folder, "config.json"));
  return { family: gpt2Family(parsed), config, initial: weights };
}

/**
 * Gives the random weights a copying circuit to begin with ("what followed this token before?", an induction circuit after
 * Olsson et al. 2022). Found by chance it takes a small model longer than the whole training here: 3 M tokens showed no sign
 * of it, with PyTorch as with this engine. All of it is ordinary weights, free to change.
 *
 * The residual stream is laid out as: positions (sines and cosines) | token | token before. In block 0, one head looks one
 * position back and writes the token found there. In block 1, heads whose query is the token and whose key is the token
 * before find the place after an earlier occurrence, and write the token there as the prediction.
 */
function seedCopying(weights: Map<string, Float32Array>, width: number, heads: number): void {
  const head = width / heads;
  const [tokenAt, beforeAt] = [head, width - head];
  const random = new RandomStream(seed, "base/copying");
  const tokens = weights.get("transformer.wte.weight")!;
  for (let i = 0; i < tokens.length; i++) {
    const column = i % width;
    tokens[i] = column >= tokenAt && column < beforeAt ? embeddingDeviation * random.normal() : 0;
  }
  const frequency = (pair: number) => 2.5 * 10_000 ** (-pair / (head / 2));
  const positions = weights.get("transformer.wpe.weight")!;
  for (let i = 0; i < positions.length; i++) {
    const column = i % width;
    const angle = Math.floor(i / width) * frequency(Math.floor(column / 2));
    const wave = column % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    positions[i] = column < tokenAt ? Math.SQRT2 * embeddingDeviation * wave : 0;
  }
  // A random projection of the token onto one head's width: enough to tell tokens apart.
  const projection = Array.from({ length: beforeAt - tokenAt }, () =>
    Array.from({ length: head }, () => random.normal() / Math.sqrt(head)),
  );
  const fused = (block: number) => weights.get(`transformer.h.${block}.attn.c_attn.weight`)!;
  const output = (block: number) => weights.get(`transformer.h.${block}.attn.c_proj.weight`)!;
  /** Sets column `to` of query (0), key (1) or value (2) of a head to zero, then one entry of it. */
  const set = (block: number, part: number, h: number, from: number, to: number, value: number): void => {
    fused(block)[from * 3 * width + part * width + h * head + to] = value;
  };
  const clear = (block: number, part: number, h: number): void => {
    for (let from = 0; from < width; from++)
      for (let to = 0; to < head; to++) set(block, part, h, from, to, 0);
  };
  for (const part of [0, 1, 2]) clear(0, part, 0);
  for (let pair = 0; pair < head / 2; pair++) {
    const [even, odd] = [2 * pair, 2 * pair + 1];
    const [cos, sin] = [Math.cos(frequency(pair)), Math.sin(frequency(pair))];
    const sharpness = 3;
    set(0, 1, 0, even, even, sharpness);
    set(0, 1, 0, odd, odd, sharpness);
    // The query is the position turned back by one.
    set(0, 0, 0, even, even, sharpness * cos);
    set(0, 0, 0, odd, even, -sharpness * sin);
    set(0, 0, 0, odd, odd, sharpness * cos);
    set(0, 0, 0, even, odd, sharpness * sin);
  }
  for (let from = tokenAt; from < beforeAt; from++) {
    for (let to = 0; to < head; to++) set(0, 2, 0, from, to, projection[from - tokenAt]![to]!);
  }
  for (let row = 0; row < head; row++) {
    for (let column = 0; column < width; column++) {
      output(0)[row * width + column] = column === beforeAt + row ? 0.15 : 0;
    }
  }
  for (let h = 0; h < heads - 2; h++) {
    for (const part of [0, 1, 2]) clear(1, part, h);
    for (let to = 0; to < head; to++) {
      for (let from = tokenAt; from < beforeAt; from++)
        set(1, 0, h, from, to, 1.5 * projection[from - tokenAt]![to]!);
      set(1, 1, h, beforeAt + to, to, 1.5);
      const copied = tokenAt + h * head + to;
      set(1, 2, h, copied, to, 1);
      for (let column = 0; column < width; column++) {
        output(1)[(h * head + to) * width + column] = column === copied ? 0.3 : 0;
      }
    }
  }
}

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
  const probes = singleStepProbes(new RandomStream(seed + 1, "base/probes"), 1200);
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
let batches: WeightedSequence[][] = [];
const warmUpSteps = 150;
for (;;) {
  const elapsed = (performance.now() - started) / 1000;
  const share = Math.min(1, elapsed / seconds);
  if (share >= 1) break;
  const phase = phases.find(({ until }) => startShare + (1 - startShare) * share < until)!;
  if (batches.length === 0) batches = drawBatches(phase);
  const batch = batches.pop()!;
  // The schedule follows the clock: the budget is time. Cosine to a tenth of the peak.
  const decay = 0.1 + 0.45 * (1 + Math.cos(Math.PI * share));
  const learningRate = peak * Math.min(decay, (step + 1) / warmUpSteps);
  const report = await trainer.train([batch], learningRate);
  if (!Number.isFinite(report.loss)) throw new Error(`the loss is not a number at step ${step}`);
  step += 1;
  tokens += report.tokens;
  average = step === 1 ? report.loss : 0.98 * average + 0.02 * report.loss;
  if (elapsed - lastLog > 30 || step === 1) {
    lastLog = elapsed;
    log({
      step,
      tokens,
      minutes: Math.round(elapsed / 6) / 10,
      loss: Number(average.toFixed(4)),
      learningRate,
      length: phase.length,
    });
  }
  if (elapsed - lastSave > 240) {
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
