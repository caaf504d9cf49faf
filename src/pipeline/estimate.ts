/**
 * What a run would do, take and need, without doing it (`--dry-run`). Data and items are the run's own; speeds are measured
 * with a few real steps of the base student, which is then thrown away. The sums are rough: skips are not known before
 * probing, so skip-thinking is counted with whole rationales, and texts are taken to be as long as the teacher's.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Engine, Student, WeightedSequence } from "../engine/engine.ts";
import { methodPlans } from "../method/baselines/methods.ts";
import { inferencePrompt, type MethodName } from "../method/baselines/plan.ts";
import { averageBoundaries } from "../method/chunk/boundaries.ts";
import { itemLength, planEpoch } from "../method/items/batches.ts";
import { encodeQuestion } from "../method/items/encode.ts";
import type { PlannedBatch, TrainingItem } from "../method/items/types.ts";
import { mean } from "../util/mean.ts";
import { budgetOf, usedShare } from "./budget.ts";
import { noSearchWarning, searchesChunks } from "./chunk-search.ts";
import type { Recipe } from "./config/schema.ts";
import { problemCount, type RunContext, type RunData, type RunReporter, type RunStudent } from "./context.ts";
import { loraOptions } from "./lora.ts";
import { estimateMemory } from "./memory.ts";
import { RunFolder } from "./run-folder.ts";
import { dataStage } from "./stages/data.ts";
import { studentStage } from "./stages/student.ts";

export interface MethodEstimate {
  /** Training items of one epoch. */
  items: number;
  epochs: number;
  optimizerSteps: number;
  /** Target tokens that carry loss. */
  trainedTokens: number;
  trainingSeconds: number;
  /** Chunk search between epochs. */
  searchSeconds: number;
  /** Dev split after each epoch, and the test split at the end. */
  evaluationSeconds: number;
}

export interface RunEstimate {
  task: string;
  problems: { train: number; dev: number; test: number };
  rationales: number;
  meanRationaleTokens: number;
  student: { parameters: number; contextLength: number };
  methods: Partial<Record<MethodName, MethodEstimate>>;
  /** Final chunking and skip probing; 0 where no method needs them. */
  probingSeconds: number;
  totalSeconds: number;
  memory: {
    /** Weights, and for those that are trained AdamW's two moments (and on PyTorch gradients). */
    parameterBytes: number;
    /** What the largest step needs besides: activations, and on the embedded engine gradients. */
    activationBytes: number;
    /** On the embedded engine, where texts are written between epochs. */
    decodingBytes?: number;
    totalBytes: number;
    method: string;
  };
  /** What was measured, to judge the figures by. */
  measured: {
    trainingTokensPerSecond: number;
    scoredTokensPerSecond: number;
    generatedTokensPerSecond: number;
  };
}

/** Batches of each method that are really trained on, to measure its speed. */
const measuredBatches = 2;
/** Rationales scored, and questions answered, to measure those speeds. */
const measuredSequences = 8;
/** Decoding steps after the first, which reads the question. */
const measuredDecodingSteps = 16;

/** @throws SkipthinkError (exit 2) for the same faults of recipe, data and student as a run */
export async function estimateRun(
  recipe: Recipe,
  engine: Engine,
  reporter: RunReporter,
): Promise<RunEstimate> {
  const scratch = await mkdtemp(join(tmpdir(), "skipthink-estimate-"));
  try {
    const folder = new RunFolder(scratch);
    const context: RunContext = { folder, recipe, engine, reporter, stopRequested: () => false };
    const data = await dataStage(context);
    const base = await studentStage(context, data);
    reporter.stage("measure speed");
    const lora = loraOptions(recipe, base, base.base);
    const student = await engine.open(base.base, {
      threads: recipe.threads,
      vocabularySize: base.tokenizer.vocabularySize,
      seed: recipe.seed,
      ...(lora === undefined ? {} : { lora }),
    });
    try {
      const { parameters, contextLength } = student.capabilities();
      return {
        task: data.taskName,
        problems: {
          train: problemCount(data, base),
          dev: base.dev.length,
          test: data.test.length,
        },
        rationales: base.encoded.length,
        meanRationaleTokens: mean(base.encoded.map(({ steps }) => steps.flat().length)),
        student: { parameters, contextLength },
        ...(await measureAndSum(context, data, base, student)),
      };
    } finally {
      await student.close();
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function measureAndSum(
  context: RunContext,
  data: RunData,
  base: RunStudent,
  student: Student,
): Promise<Pick<RunEstimate, "methods" | "probingSeconds" | "totalSeconds" | "memory" | "measured">> {
  const { recipe } = context;
  // Scoring and decoding come first: training changes the weights, and constants would be packed again.
  const scoring = await measureScoring(student, base);
  const decoding = await measureDecoding(student, data, base, recipe.evaluate.batchSize);
  const questionTokens = sum(base.encoded.map(({ question }) => question.length));
  const textTokens = sum(base.encoded.map(({ steps }) => steps.flat().length));
  const passSeconds = (questionTokens + textTokens) * scoring;

  const plans = recipe.methods.map((name) => ({ name, ...planOf(context, base, name) }));
  await warmUp(
    student,
    plans.flatMap(({ batches }) => batches),
  );
  const methods: RunEstimate["methods"] = {};
  const trained = { tokens: 0, seconds: 0 };
  for (const { name, items, batches } of plans) {
    const speed = await measureTraining(student, batches);
    trained.tokens += speed.tokens;
    trained.seconds += speed.seconds;
    const use = budgetUse(context, name, batches);
    const answers = items.filter(({ stage }) => stage === "answer");
    const textLength = Math.min(
      recipe.evaluate.maxNewTokens,
      mean(answers.map(({ target }) => target.length)),
    );
    const searches = searchesChunks(methodPlans[name])
      ? Math.max(0, Math.ceil((use.epochs - recipe.chunk.warmUpEpochs) / recipe.chunk.everyEpochs))
      : 0;
    const warning = noSearchWarning(recipe.chunk, methodPlans[name], {
      steps: use.optimizerSteps,
      stepsPerEpoch: batches.length,
    });
    if (warning !== undefined) context.reporter.warning(warning);
    const devRounds =
      recipe.train.select === "best" ? Math.ceil(use.epochs / recipe.train.devEveryEpochs) : 0;
    const testRounds = 1 + (recipe.evaluate.testEveryEpoch ? devRounds : 0);
    const alone = Math.min(recipe.evaluate.latencyProblems, data.test.length);
    methods[name] = {
      items: items.length,
      ...use,
      trainingSeconds: use.paddedTokens * (speed.seconds / speed.tokens),
      searchSeconds: searches * passSeconds,
      evaluationSeconds:
        devRounds * decoding.batched(base.dev.length, textLength) +
        testRounds * decoding.batched(data.test.length, textLength) +
        alone * decoding.alone(textLength),
    };
    delete (methods[name] as Partial<typeof use>).paddedTokens;
  }
  const isProbed = recipe.methods.includes("cwt-sbc");
  // One pass to chunk; one over the whole rationales; then one removal per medium chunk. Going on from readings, half of a text is read
  // for each, and to carry along what was read before costs about as much again.
  const goesOn = student.capabilities().readingBytesPerToken !== undefined;
  const removalSeconds = goesOn ? textTokens * scoring : passSeconds;
  const removals = Math.max(0, (recipe.probe.chunks ?? recipe.chunk.count) - 1);
  const probingSeconds = isProbed ? 2 * passSeconds + removals * removalSeconds : 0;
  const perMethod = Object.values(methods).map(
    (method) => method.trainingSeconds + method.searchSeconds + method.evaluationSeconds,
  );
  return {
    methods,
    probingSeconds,
    totalSeconds: sum(perMethod) + probingSeconds,
    memory: await estimateMemory(
      base,
      student,
      plans.flatMap(({ batches }) => batches),
      recipe,
    ),
    measured: {
      trainingTokensPerSecond: trained.tokens / trained.seconds,
      scoredTokensPerSecond: 1 / scoring,
      generatedTokensPerSecond: decoding.tokensPerSecond,
    },
  };
}

function planOf(
  { recipe }: RunContext,
  base: RunStudent,
  name: MethodName,
): { items: TrainingItem[]; batches: PlannedBatch[] } {
  const plan = methodPlans[name];
  const items = base.encoded.flatMap((encoded) =>
    plan.items(
      {
        encoded,
        boundaries: averageBoundaries(encoded.steps.length, recipe.chunk.count),
        skips: { keptSteps: [...encoded.steps.keys()], dropped: false },
      },
      { markers: base.markers, ...recipe.items },
    ),
  );
  const batches = planEpoch(items, {
    seed: recipe.seed,
    epoch: 0,
    itemsPerBatch: recipe.train.itemsPerBatch,
    tokensPerBatch: recipe.train.tokensPerBatch,
    oneStagePerBatch: plan.oneStagePerBatch,
    schedule: recipe.items.schedule,
    keepTogether: plan.keepTogether ?? false,
  });
  return { items, batches };
}

/** The budget in steps, tokens and epochs, if every epoch is like the first. */
function budgetUse(context: RunContext, name: MethodName, batches: readonly PlannedBatch[]) {
  const budget = budgetOf(context.recipe, name);
  const targets = sum(
    batches.map((batch) => sum(batch.microBatches.flat().map(({ target }) => target.length))),
  );
  const perEpoch = { step: batches.length, trainedTokens: targets, epoch: 1, batch: 0, batches: 0 };
  const epochs = 1 / usedShare(budget, perEpoch);
  const padded = sum(batches.map((batch) => sum(batch.microBatches.map(paddedTokens))));
  return {
    epochs: Math.ceil(epochs),
    optimizerSteps: Math.round(epochs * batches.length),
    trainedTokens: Math.round(epochs * targets),
    paddedTokens: epochs * padded,
  };
}

/** The first step of each kind builds its graph, which says nothing about the speed of the others. */
async function warmUp(student: Student, batches: readonly PlannedBatch[]): Promise<void> {
  for (const isSplit of [false, true]) {
    const found = batches.find(({ microBatches }) => microBatches.length > 1 === isSplit);
    if (found !== undefined) await student.train(found.microBatches, 1e-9);
  }
}

/** Steps on batches of middling size; the weights hardly move and are thrown away. */
async function measureTraining(
  student: Student,
  batches: readonly PlannedBatch[],
): Promise<{ tokens: number; seconds: number }> {
  const size = ({ microBatches }: PlannedBatch): number => sum(microBatches.map(paddedTokens));
  const sorted = [...batches].sort((a, b) => size(a) - size(b));
  let tokens = 0;
  const started = performance.now();
  for (let k = 1; k <= measuredBatches; k++) {
    const batch = sorted[Math.floor((k * sorted.length) / (measuredBatches + 1))]!;
    tokens += size(batch);
    await student.train(batch.microBatches, 1e-9);
  }
  return { tokens, seconds: (performance.now() - started) / 1000 };
}

/** Seconds per scored token. */
async function measureScoring(student: Student, { encoded, markers }: RunStudent): Promise<number> {
  const sequences = spread(encoded, measuredSequences).map(({ question, steps }) => ({
    prompt: [markers.answer, ...question],
    context: [],
    target: steps.flat(),
  }));
  const options = { alsoTokens: [markers.endOfChunk] };
  await student.score(sequences.slice(0, 1), options);
  const started = performance.now();
  await student.score(sequences, options);
  const tokens = sum(sequences.map(({ prompt, target }) => prompt.length + target.length));
  return (performance.now() - started) / 1000 / tokens;
}

async function measureDecoding(student: Student, data: RunData, base: RunStudent, batchSize: number) {
  const prompts = spread(data.test, Math.min(batchSize, measuredSequences)).map(({ question }) => ({
    prompt: inferencePrompt(
      { usesMarkers: true },
      encodeQuestion(base.tokenizer, question, student.capabilities()),
      base.markers,
    ),
    context: [],
  }));
  const seconds = async (count: number, maxNewTokens: number): Promise<number> => {
    const started = performance.now();
    // Without stop tokens, so that an untrained student writes as many as it is asked for.
    await student.generate(prompts.slice(0, count), { maxNewTokens, stopTokens: [], batchSize: count });
    return (performance.now() - started) / 1000;
  };
  /** Seconds to read the questions, and per token after that. */
  const measure = async (count: number) => {
    const reading = await seconds(count, 1);
    const both = await seconds(count, 1 + measuredDecodingSteps);
    return { reading, perToken: Math.max(0, both - reading) / measuredDecodingSteps };
  };
  await seconds(1, 1);
  const single = await measure(1);
  const together = await measure(prompts.length);
  return {
    alone: (tokens: number): number => single.reading + tokens * single.perToken,
    /** Reading grows with the batch, a decoding step hardly does. */
    batched: (problems: number, tokens: number): number =>
      (problems / prompts.length) * together.reading +
      Math.ceil(problems / batchSize) * tokens * together.perToken,
    tokensPerSecond: 1 / single.perToken,
  };
}

function paddedTokens(batch: readonly WeightedSequence[]): number {
  return batch.length * longest(batch);
}

function longest(batch: readonly WeightedSequence[]): number {
  return batch.reduce((most, sequence) => Math.max(most, itemLength(sequence)), 0);
}

/** `count` values spread evenly over a list, or all of them. */
function spread<T>(values: readonly T[], count: number): T[] {
  const taken = Math.min(count, values.length);
  return Array.from({ length: taken }, (_, k) => values[Math.floor((k * values.length) / taken)]!);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
