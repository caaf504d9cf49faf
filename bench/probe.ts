/**
 * What the method's two cheap ways cost next to their references, on rationales of the built-in tracking task: forced against
 * generated verdicts, and chunk search with one shared context against the exact prompt of every candidate.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Student } from "../src/engine/engine.ts";
import { onnxEngine } from "../src/engine/onnx/student.ts";
import { averageBoundaries } from "../src/method/chunk/boundaries.ts";
import { type ChunkOptions, chunkRationales } from "../src/method/chunk/chunk.ts";
import { type EncodedRationale, encodeRationale } from "../src/method/items/encode.ts";
import { findMarkers, type Markers, markerTokens } from "../src/method/items/markers.ts";
import { forcedJudge, generateJudge } from "../src/method/probe/judge.ts";
import { type AnswerProbe, answerProbe } from "../src/method/probe/sequences.ts";
import { trainByteLevelBpe } from "../src/students/bpe.ts";
import {
  gpt2ParameterShapes,
  initializeGpt2,
  newGpt2Config,
  parseGpt2Config,
} from "../src/students/gpt2-config.ts";
import { writeModelFolder } from "../src/students/model-folder.ts";
import { tokenizerFromDocument } from "../src/students/tokenizer.ts";
import type { Tokenizer } from "../src/students/tokenizer-interface.ts";
import { generateBuiltin } from "../src/tasks/builtin/index.ts";
import { median } from "./median.ts";

export interface ProbeOptions {
  rationales: number;
  trainingSteps: number;
  rounds: number;
  threads: number;
}

const chunkCount = 5;
const endOfText = "<|endoftext|>";

export async function benchProbe(options: ProbeOptions): Promise<void> {
  const { train } = generateBuiltin(
    "tracking_shuffled_objects",
    { train: options.rationales, dev: 0, test: 0 },
    1,
  );
  const texts = train.map(({ question, text, answer }) => `${question} ### ${text} --> ${answer}`);
  const document = trainByteLevelBpe(texts, { vocabularySize: 1024, endOfText, splitDigits: true });
  const plain = tokenizerFromDocument(document);
  const tokenizer = plain.withAddedTokens(markerTokens(chunkCount));
  const markers = findMarkers(tokenizer, chunkCount);
  const encoded = train.map((rationale) => encodeRationale(tokenizer, rationale));
  const folder = await mkdtemp(join(tmpdir(), "skipthink-bench-"));
  try {
    await writeRandomStudent(folder, tokenizer.vocabularySize);
    const student = await onnxEngine.open(folder, { threads: options.threads });
    try {
      const { parameters } = student.capabilities();
      const probes = removalProbes(encoded, markers);
      console.log(
        `probing: ${train.length} rationales, ${(parameters / 1e6).toFixed(1)} M parameters, ` +
          `${options.trainingSteps} training steps on the answers`,
      );
      await teachAnswers(student, probes, options.trainingSteps);
      await compareVerdicts(student, tokenizer, probes, options.rounds);
      await compareContexts(student, encoded, markers, options.rounds);
    } finally {
      await student.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeRandomStudent(folder: string, vocabularySize: number): Promise<void> {
  const sizes = { layers: 5, width: 160, heads: 5, vocabularySize, contextLength: 512, endOfText: 0 };
  const config = newGpt2Config(sizes);
  const parsed = parseGpt2Config(config, "config.json");
  const weights = initializeGpt2(parsed, 1);
  const tensors = [...gpt2ParameterShapes(parsed)].map(([name, shape]) => ({
    name,
    shape,
    data: weights.get(name)!,
  }));
  await writeModelFolder(folder, { config, generationConfig: undefined, tensors });
}

/** Every rationale whole, and with each chunk but the last removed: what a round of probing judges. */
function removalProbes(encoded: readonly EncodedRationale[], markers: Markers): AnswerProbe[] {
  return encoded.flatMap((rationale) => {
    const boundaries = averageBoundaries(rationale.steps.length, chunkCount);
    const chunks = boundaries
      .slice(1)
      .map((to, index) => rationale.steps.slice(boundaries[index]!, to).flat());
    const without = chunks.slice(0, -1).map((_, k) => chunks.filter((_chunk, j) => j !== k));
    return [chunks, ...without].map((kept) => answerProbe(rationale, markers, kept, "shown"));
  });
}

/** Some right answers, so that the two verdicts have something to agree on. */
async function teachAnswers(student: Student, probes: readonly AnswerProbe[], steps: number): Promise<void> {
  const batchSize = 16;
  for (let step = 0; step < steps; step++) {
    const batch = Array.from({ length: batchSize }, (_, i) => ({
      ...probes[(step * batchSize + i) % probes.length]!,
      weight: 1 / batchSize,
    }));
    await student.train([batch], 1e-3);
  }
}

async function compareVerdicts(
  student: Student,
  tokenizer: Tokenizer,
  probes: readonly AnswerProbe[],
  rounds: number,
): Promise<void> {
  const forced = forcedJudge(student);
  // The kindest case for decoding: it stops where the gold answer ends.
  const generated = generateJudge(student, { tokenizer, maxNewTokens: 1, isRight: () => false });
  const first = await forced(probes);
  const second = await generated(probes);
  const agree = first.filter(({ exact }, i) => exact === second[i]!.exact).length;
  const right = first.filter(({ exact }) => exact).length;
  const [forcedSeconds, generatedSeconds] = await alternate(
    rounds,
    () => forced(probes),
    () => generated(probes),
  );
  console.log(`  verdicts agree on ${agree} of ${probes.length} probes, ${right} of them right`);
  console.log(
    `  forced ${perSecond(probes.length, forcedSeconds)}, generate ${perSecond(probes.length, generatedSeconds)}: ` +
      `${(generatedSeconds / forcedSeconds).toFixed(2)}x`,
  );
}

async function compareContexts(
  student: Student,
  encoded: readonly EncodedRationale[],
  markers: Markers,
  rounds: number,
): Promise<void> {
  const options: ChunkOptions = {
    count: chunkCount,
    search: "exact",
    context: "shared",
    sharedMarker: "answer",
    maxSweeps: 10,
  };
  const scored = async (context: "shared" | "staged"): Promise<{ sequences: number; tokens: number }> => {
    const before = student.counters();
    await chunkRationales(student, encoded, markers, { ...options, context });
    const after = student.counters();
    return {
      sequences: after.scoredSequences - before.scoredSequences,
      tokens: after.scoredTokens - before.scoredTokens,
    };
  };
  const shared = await scored("shared");
  const staged = await scored("staged");
  const [sharedSeconds, stagedSeconds] = await alternate(
    rounds,
    () => scored("shared"),
    () => scored("staged"),
  );
  console.log(
    `  chunk search, shared: ${shared.sequences} sequences, ${shared.tokens} tokens, ` +
      `${perSecond(encoded.length, sharedSeconds)}; staged: ${staged.sequences} sequences, ${staged.tokens} tokens, ` +
      `${perSecond(encoded.length, stagedSeconds)}: ${(stagedSeconds / sharedSeconds).toFixed(1)}x`,
  );
}

/** Median seconds of each, run in turns. */
async function alternate(
  rounds: number,
  first: () => Promise<unknown>,
  second: () => Promise<unknown>,
): Promise<[number, number]> {
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    for (const [i, work] of [first, second].entries()) {
      const started = performance.now();
      await work();
      times[i]!.push((performance.now() - started) / 1000);
    }
  }
  return [median(times[0]), median(times[1])];
}

function perSecond(count: number, seconds: number): string {
  return `${(count / seconds).toFixed(1)}/s`;
}
