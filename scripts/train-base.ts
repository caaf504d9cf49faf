/**
 * Makes the base student in models/base: a small Qwen2 that knows words, digits and single steps of the built-in worlds, and
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
import { llamaFamily } from "../src/students/families/llama.ts";
import { initializeLlama, newLlamaConfig, parseLlamaConfig } from "../src/students/llama-config.ts";
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
    inner: { type: "string", default: "432" },
    heads: { type: "string", default: "5" },
    vocabulary: { type: "string", default: "1536" },
    tokensPerStep: { type: "string", default: "2048" },
    learningRate: { type: "string", default: "3e-3" },
    seed: { type: "string", default: "1" },
    threads: { type: "string", default: "0" },
  },
});
const seed = Number(values.seed);
const seconds = Number(values.minutes) * 60;
const peak = Number(values.learningRate);
const contextLength = 512;
const tokenizerFiles = ["tokenizer.json", "tokenizer_config.json"];
/**
 * What is read, by the share of the time that has passed. Copying comes first, because everything else (recall, state, restating)
 * builds on it; then drills, single steps whose context is given, and everyday documents beside them; then hardly anything but
 * drills: looking something up over one more word was learnt within minutes so, and not at all among other text. Short sequences
 * teach faster, long ones come last so that every position is trained.
 */
const phases = [
  { until: 0.02, length: 48, copies: 0.7, drills: 0.3 },
  { until: 0.06, length: 96, copies: 0.3, drills: 0.6 },
  { until: 0.45, length: 128, copies: 0.05, drills: 0.65 },
  { until: 0.75, length: 128, copies: 0.03, drills: 0.9 },
  { until: 0.9, length: 256, copies: 0.05, drills: 0.55 },
  { until: 1, length: 512, copies: 0.04, drills: 0.4 },
];
/** A model that is trained further can copy already and knows easy drills. */
const startShare = values.from === undefined ? 0 : 0.45;

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
  const config: Record<string, unknown> = {
    ...newLlamaConfig({
      layers: Number(values.layers),
      width: Number(values.width),
      inner: Number(values.inner),
      heads: Number(values.heads),
      contextLength,
      vocabularySize: tokenizer.vocabularySize,
      endOfText: end,
    }),
    model_type: "qwen2",
    architectures: ["Qwen2ForCausalLM"],
    use_sliding_window: false,
    // transformers' 0.02 is made for wide models; at this width it leaves attention flat for hundreds of steps.
    initializer_range: 0.05,
  };
  const parsed = parseLlamaConfig(config, "config.json");
  const initial = initializeLlama(parsed, seed);
  seedNeighbours(initial, parsed.head_dim, parsed.rotary.frequencies);
  return { family: llamaFamily(parsed), config, initial };
}

/**
 * Three heads of the first block begin by looking one, two and three tokens back: their queries and keys are biases alone, turned
 * against each other by the rotary angle of that distance. Copying and recall are built on knowing a token's neighbours; found by
 * chance it takes a small model longer than the whole training here. All of it is ordinary weights, free to change.
 */
function seedNeighbours(weights: Map<string, Float32Array>, head: number, frequencies: Float32Array): void {
  const part = (name: string) => weights.get(`model.layers.0.self_attn.${name}`)!;
  const width = Number(values.width);
  const [sharpness, pairs] = [5, 6];
  for (const distance of [1, 2, 3]) {
    const first = (distance - 1) * head;
    for (const name of ["q_proj.weight", "k_proj.weight"]) {
      part(name).fill(0, first * width, (first + head) * width);
    }
    for (let pair = 0; pair < pairs; pair++) {
      const angle = distance * frequencies[pair]!;
      part("q_proj.bias")[first + pair] = sharpness * Math.cos(angle);
      part("q_proj.bias")[first + head / 2 + pair] = -sharpness * Math.sin(angle);
      part("k_proj.bias")[first + pair] = sharpness;
    }
  }
}

async function startFrom(folder: string) {
  const { config, weights, family } = await loadModel(folder);
  return { family, config, initial: weights };
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
