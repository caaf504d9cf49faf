/** Tiny random students for tests: a GPT-2 folder made on the spot, and token sequences to feed it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { OpenOptions, TokenSequence, WeightedSequence } from "../../src/engine/engine.ts";
import { OnnxStudent, onnxEngine } from "../../src/engine/onnx/student.ts";
import {
  gpt2ParameterShapes,
  initializeGpt2,
  newGpt2Config,
  parseGpt2Config,
} from "../../src/students/gpt2-config.ts";
import { type ModelToWrite, writeModelFolder } from "../../src/students/model-folder.ts";
import { SkipthinkError } from "../../src/util/errors.ts";
import { RandomStream } from "../../src/util/random.ts";
import { afterFile } from "../after-file.ts";

export const vocabulary = 37;
export const contextLength = 64;

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "skipthink-test-"));
  afterFile(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Config and tensors of a random GPT-2; weights are large enough that its distributions are far from flat. */
export function tinyModel(changes: Record<string, unknown> = {}, seed = 1): ModelToWrite {
  const sizes = { vocabularySize: vocabulary, contextLength, width: 16, layers: 2, heads: 2, endOfText: 0 };
  const config = { ...newGpt2Config(sizes), initializer_range: 0.4, ...changes };
  const parsed = parseGpt2Config(config, "config.json");
  const shapes = gpt2ParameterShapes(parsed);
  const tensors = [...initializeGpt2(parsed, seed)].map(([name, data]) => ({
    name,
    shape: shapes.get(name)!,
    data,
  }));
  return { config, tensors };
}

export async function writeTiny(model: ModelToWrite = tinyModel()): Promise<string> {
  const folder = await temporaryFolder();
  await writeModelFolder(folder, model);
  return folder;
}

/** Opens a folder on one thread, so that sums have one order; closed after the tests of the file. */
export async function openStudent(folder: string, options: OpenOptions = {}): Promise<OnnxStudent> {
  const student = await onnxEngine.open(folder, { threads: 1, ...options });
  if (!(student instanceof OnnxStudent)) throw new TypeError("the engine opened another kind of student");
  afterFile(() => student.close());
  return student;
}

export async function openTiny(options: OpenOptions = {}, model?: ModelToWrite): Promise<OnnxStudent> {
  return openStudent(await writeTiny(model), options);
}

export function tokens(name: string, count: number): number[] {
  const random = new RandomStream(21, name);
  return Array.from({ length: count }, () => random.below(vocabulary));
}

/** Ragged sequences: [prompt, context, target] lengths. */
export function sequences(
  sizes: readonly (readonly [number, number, number])[],
  name = "s",
): TokenSequence[] {
  return sizes.map(([prompt, context, target], i) => ({
    prompt: tokens(`${name}/${i}/prompt`, prompt),
    context: tokens(`${name}/${i}/context`, context),
    target: tokens(`${name}/${i}/target`, target),
  }));
}

/** Equal weights that sum to 1. */
export function weighted(list: readonly TokenSequence[]): WeightedSequence[] {
  return list.map((sequence) => ({ ...sequence, weight: 1 / list.length }));
}

export const ragged = sequences([
  [3, 0, 5],
  [1, 0, 1],
  [6, 9, 12],
  [2, 20, 1],
  [10, 1, 30],
]);

/** The error of a promise that must be refused. */
export async function refusal(promise: Promise<unknown>): Promise<SkipthinkError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SkipthinkError);
  return error as SkipthinkError;
}
