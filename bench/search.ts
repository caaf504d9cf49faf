/**
 * Chunk search and probing of many rationales against the naive way, on the built-in tracking task. Naive search: one scoring
 * forward pass for every chunking that the search looks at, one at a time. Naive probing: one greedy decoding of the answer per
 * removal, one at a time. Both through the same engine and through transformers, where Python has it. The naive side runs on the first
 * rationales only and is compared per rationale; all must decide the same there. Probing is measured as the paper has it and as it is by
 * default, where a removal is also judged by the losses of later chunks: naively, a decoding and a scoring pass. Prints a Markdown table.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { SequenceScore, Student, TokenSequence } from "../src/engine/engine.ts";
import { onnxEngine } from "../src/engine/onnx/student.ts";
import { averageBoundaries } from "../src/method/chunk/boundaries.ts";
import { type ChunkOptions, chunkRationales } from "../src/method/chunk/chunk.ts";
import { objective } from "../src/method/chunk/cost.ts";
import { sharedCost, sharedSequence } from "../src/method/chunk/shared-cost.ts";
import { type EncodedRationale, encodeRationale } from "../src/method/items/encode.ts";
import { findMarkers, type Markers, markerTokens } from "../src/method/items/markers.ts";
import { forcedJudge, generateJudge, type Judge } from "../src/method/probe/judge.ts";
import { type ProbeOptions, probeRationales } from "../src/method/probe/probe.ts";
import { type AnswerProbe, answerProbe } from "../src/method/probe/sequences.ts";
import type { ProbedRationale } from "../src/method/probe/types.ts";
import { loadTokenizer } from "../src/students/tokenizer.ts";
import { generateBuiltin } from "../src/tasks/builtin/index.ts";
import { Worker } from "./worker.ts";

export interface SearchOptions {
  /** Rationales of the fast side, and of the naive one. */
  rationales: number;
  sample: number;
  /** Steps on the answers first, so that some verdicts are "right" and removals are tried. */
  trainingSteps: number;
  threads: number;
  /** Also the naive way through transformers. */
  pytorch: boolean;
}

const chunkCount = 5;
const chunking: ChunkOptions = {
  count: chunkCount,
  search: "greedy",
  context: "shared",
  sharedMarker: "answer",
  maxSweeps: 20,
};
const probing: ProbeOptions = {
  decision: "independent",
  onWrong: "keep",
  answerChunk: "shown",
  criterion: "answer",
  maxNllRise: 0,
};

/** Chunks that the recipes of this package probe in, and the options that recipes have without saying so. */
const fineChunks = 12;
const byDefault: ProbeOptions = {
  decision: "cumulative",
  onWrong: "keep",
  answerChunk: "shown",
  criterion: "continuation",
  maxNllRise: 0.25,
};

export async function benchSearch(options: SearchOptions): Promise<void> {
  const folder = resolve("models/base");
  const { train } = generateBuiltin(
    "tracking_shuffled_objects",
    { train: options.rationales, dev: 0, test: 0 },
    1,
  );
  const tokenizer = (await loadTokenizer(folder)).withAddedTokens(markerTokens(chunkCount));
  const markers = findMarkers(tokenizer, chunkCount);
  const encoded = train.map((rationale) => encodeRationale(tokenizer, rationale));
  const few = encoded.slice(0, options.sample);
  const { threads } = options;
  const student = await onnxEngine.open(folder, { threads, vocabularySize: tokenizer.vocabularySize });
  try {
    await teachAnswers(student, encoded, markers, options.trainingSteps);
    const judgeOne = generateJudge(student, { tokenizer, maxNewTokens: 1, isRight: () => false });
    // Right is "exactly the gold answer", as the forced verdict has it.
    const decoded: { probe: AnswerProbe; right: boolean }[] = [];
    const decoding: Judge = async (probes) => {
      const judgements = [];
      for (const probe of probes) {
        const [judgement] = await judgeOne([probe]);
        judgements.push({ ...judgement!, answerRight: judgement!.exact });
        decoded.push({ probe, right: judgement!.exact });
      }
      return judgements;
    };
    const boundaries = new Map(
      encoded.map(({ rationaleId, steps }) => [rationaleId, averageBoundaries(steps.length, chunkCount)]),
    );
    const probe = (some: readonly EncodedRationale[], judge: Judge) =>
      probeRationales(student, some, boundaries, markers, judge, probing);

    // Sessions are made and constants packed before the clock starts.
    await chunkRationales(student, few.slice(0, 1), markers, chunking);
    await probe(few.slice(0, 1), decoding);
    await probe(few.slice(0, 1), forcedJudge(student));
    decoded.length = 0;

    console.error(`search: ${encoded.length} rationales`);
    const chunked = await timed(() => chunkRationales(student, encoded, markers, chunking));
    console.error(`search, naive: ${few.length} rationales`);
    const naive = await timed(() => naiveSearch(student, few, markers));
    console.error(`probing: ${encoded.length} rationales`);
    const forced = await timed(() => probe(encoded, forcedJudge(student)));
    console.error(`probing, naive: ${few.length} rationales`);
    const naiveProbing = await timed(() => probe(few, decoding));
    const python = options.pytorch
      ? await throughTransformers(student, naive.value.sequences, decoded, tokenizer.endOfSequence, threads)
      : undefined;

    const decodedThere = decoded.length;
    const fineBoundaries = new Map(
      encoded.map(({ rationaleId, steps }) => [
        rationaleId,
        averageBoundaries(steps.length, Math.min(fineChunks, steps.length)),
      ]),
    );
    const probeFinely = (one: Student, some: readonly EncodedRationale[], judge: Judge) =>
      probeRationales(one, some, fineBoundaries, markers, judge, byDefault);
    await probeFinely(student, few.slice(0, 1), forcedJudge(student));
    console.error(`probing by default: ${encoded.length} rationales`);
    const fine = await timed(() => probeFinely(student, encoded, forcedJudge(student)));
    console.error(`probing by default, naive: ${few.length} rationales`);
    const naiveFine = await timed(() => probeFinely(oneAtATime(student), few, decoding));

    const sameChunks = few.filter(
      (_, i) => chunked.value[i]!.boundaries.join() === naive.value.boundaries[i]!.join(),
    ).length;
    const keptOf = ({ keptSteps }: { keptSteps: number[] }): string => keptSteps.join();
    const same = (some: readonly ProbedRationale[], others: readonly ProbedRationale[]): number =>
      some.filter((one, i) => keptOf(one) === keptOf(others[i]!)).length;
    const tried = forced.value.filter(({ wholeRight }) => wholeRight).length;
    console.log(
      "| | rationales | ms each | one at a time, same engine | speed | through transformers | speed | same decisions |",
    );
    console.log("|---|---|---|---|---|---|---|---|");
    const row = (
      name: string,
      own: number,
      naively: number,
      python: number | undefined,
      same: number,
    ): void => {
      const ms = (1000 * own) / encoded.length;
      const against = (seconds: number | undefined): string[] => {
        if (seconds === undefined) return ["–", "–"];
        const each = (1000 * seconds) / few.length;
        return [`${each.toFixed(0)} ms`, `${(each / ms).toFixed(1)}x`];
      };
      const cells = [name, encoded.length, ms.toFixed(1), ...against(naively), ...against(python)];
      console.log(`| ${[...cells, `${same} of ${few.length}`].join(" | ")} |`);
    };
    row("chunk search (greedy)", chunked.seconds, naive.seconds, python?.search, sameChunks);
    const sameSkips = same(naiveProbing.value, forced.value);
    row("probing", forced.seconds, naiveProbing.seconds, python?.probing, sameSkips);
    const sameFinely = same(naiveFine.value, fine.value);
    row("probing by default, in 12 chunks", fine.seconds, naiveFine.seconds, undefined, sameFinely);
    if (python !== undefined)
      console.log(
        `\ntransformers decodes ${python.sameVerdicts} of ${decodedThere} answers to the same verdict`,
      );
    console.log(
      `\n${(naive.value.sequences.length / few.length).toFixed(1)} chunkings looked at per rationale; ` +
        `${tried} of ${encoded.length} rationales answered right when whole, so their chunks were tried`,
    );
  } finally {
    await student.close();
  }
}

/** A student that reads every sequence whole, and alone. */
function oneAtATime(student: Student): Student {
  return Object.assign(Object.create(student) as Student, {
    async score(sequences: readonly TokenSequence[]): Promise<SequenceScore[]> {
      const scores: SequenceScore[] = [];
      for (const sequence of sequences) scores.push(...(await student.score([sequence])));
      return scores;
    },
  });
}

/** The sweeps of `searchGreedy`, with a forward pass of its own for every chunking they look at. */
async function naiveSearch(
  student: Student,
  encoded: readonly EncodedRationale[],
  markers: Markers,
): Promise<{ boundaries: number[][]; sequences: TokenSequence[] }> {
  const sequences: TokenSequence[] = [];
  const score = async (rationale: EncodedRationale, boundaries: readonly number[]): Promise<number> => {
    const sequence = sharedSequence(rationale, markers, chunking.sharedMarker);
    sequences.push(sequence);
    const [scored] = await student.score([sequence], { alsoTokens: [markers.endOfChunk] });
    return objective(sharedCost(rationale, scored!), boundaries);
  };
  const boundaries: number[][] = [];
  for (const rationale of encoded) {
    const best = averageBoundaries(rationale.steps.length, chunkCount);
    let lowest = await score(rationale, best);
    for (let sweep = 0, changed = true; changed && sweep < chunking.maxSweeps; sweep++) {
      changed = false;
      for (let k = 1; k < best.length - 1; k++) {
        const here = best[k]!;
        for (const moved of [here - 1, here + 1]) {
          if (moved <= best[k - 1]! || moved >= best[k + 1]!) continue;
          const value = await score(rationale, best.with(k, moved));
          if (value >= lowest) continue;
          lowest = value;
          best[k] = moved;
          changed = true;
        }
      }
    }
    boundaries.push(best);
  }
  return { boundaries, sequences };
}

/** The same passes and decodings, one at a time, through transformers' own model class. */
async function throughTransformers(
  student: Student,
  sequences: readonly TokenSequence[],
  decoded: readonly { probe: AnswerProbe; right: boolean }[],
  endOfSequence: number,
  threads: number,
): Promise<{ search: number; probing: number; sameVerdicts: number }> {
  const folder = await mkdtemp(join(tmpdir(), "skipthink-bench-"));
  const whole = ({ prompt, context, target }: TokenSequence) => ({ given: [...prompt, ...context], target });
  const work = {
    sequences: sequences.map(whole),
    probes: decoded.map(({ probe }) => whole(probe)),
    endOfSequence,
  };
  const file = join(folder, "work.json");
  const worker = async (): Promise<Worker> => {
    await student.saveModel(folder);
    await writeFile(file, JSON.stringify(work));
    const python = process.env.SKIPTHINK_PYTHON ?? "python3";
    const count = String(threads > 0 ? threads : cpus().length);
    return await new Worker("transformers", python, [
      resolve("bench/transformers_naive.py"),
      folder,
      file,
      count,
    ]).start();
  };
  try {
    const side = await worker();
    console.error(
      `search and probing, naive, transformers: ${work.sequences.length} and ${work.probes.length} passes`,
    );
    const { seconds, losses } = await side.steps(1);
    side.stop();
    const sameVerdicts = decoded.filter(({ right }, i) => right === (losses[i] === 1)).length;
    return { search: seconds[0]!, probing: seconds[1]!, sameVerdicts };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Steps on the answers that the probes ask for. */
async function teachAnswers(
  student: Student,
  encoded: readonly EncodedRationale[],
  markers: Markers,
  steps: number,
): Promise<void> {
  const batchSize = 16;
  for (let step = 0; step < steps; step++) {
    const batch = Array.from({ length: batchSize }, (_, i) => {
      const rationale = encoded[(step * batchSize + i) % encoded.length]!;
      return { ...answerProbe(rationale, markers, rationale.steps, "shown"), weight: 1 / batchSize };
    });
    await student.train([batch], 1e-3);
    if (step % 10 === 0) console.error(`teaching answers: step ${step} of ${steps}`);
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  const started = performance.now();
  const value = await work();
  return { value, seconds: (performance.now() - started) / 1000 };
}
