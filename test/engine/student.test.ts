/** Training and scoring of a student: batching never changes the numbers. */
import { describe, expect, test } from "vitest";
import type { StepReport, TokenSequence } from "../../src/engine/engine.ts";
import { lengthBatches } from "../../src/engine/onnx/batch.ts";
import { blockSize } from "../../src/engine/onnx/blocks.ts";
import type { OnnxStudent } from "../../src/engine/onnx/student.ts";
import { openSafetensors } from "../../src/tensor/safetensors.ts";
import {
  contextLength,
  openTiny,
  ragged,
  sequences,
  temporaryFolder,
  tinyModel,
  tokens,
  vocabulary,
  weighted,
} from "./tiny-student.ts";

/** Weights and moments, by name, as a checkpoint holds them. */
async function stateOf(student: OnnxStudent): Promise<Map<string, Float32Array>> {
  const folder = await temporaryFolder();
  await student.saveCheckpoint(folder);
  const file = await openSafetensors(`${folder}/training-state.safetensors`);
  const state = new Map<string, Float32Array>();
  for (const name of file.names) state.set(name, await file.readFloat32(name));
  await file.close();
  return state;
}

/** Equal bit for bit; names the parameters that are not, instead of printing thousands of numbers. */
function expectSame(a: ReadonlyMap<string, Float32Array>, b: ReadonlyMap<string, Float32Array>) {
  expect([...a.keys()]).toEqual([...b.keys()]);
  const bits = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  expect([...a.keys()].filter((name) => !bits(a.get(name)!).equals(bits(b.get(name)!)))).toEqual([]);
}

function expectNear(
  a: ReadonlyMap<string, Float32Array>,
  b: ReadonlyMap<string, Float32Array>,
  tolerance: number,
) {
  expect([...a.keys()]).toEqual([...b.keys()]);
  for (const [name, values] of a) {
    const other = b.get(name)!;
    const largest = (of: Float32Array): number =>
      of.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const difference = largest(values.map((value, i) => value - other[i]!));
    expect(difference, name).toBeLessThan(tolerance * Math.max(1e-3, largest(other)));
  }
}

const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe("train()", () => {
  test("micro-batches make the same update as one batch", async () => {
    const batch = weighted(ragged);
    // An epsilon that keeps the sign of tiny gradients from deciding the update.
    const optimizer = { epsilon: 1e-4 };
    const [whole, parts] = [await openTiny({ optimizer }), await openTiny({ optimizer })];
    const reports: [StepReport, StepReport][] = [];
    for (let step = 0; step < 3; step++) {
      reports.push([
        await whole.train([batch], 1e-2),
        await parts.train([batch.slice(0, 2), batch.slice(2, 3), batch.slice(3)], 1e-2),
      ]);
    }
    for (const [one, several] of reports) {
      expect(several.loss).toBeCloseTo(one.loss, 5);
      expect(several.gradientNorm / one.gradientNorm).toBeCloseTo(1, 5);
      several.sequenceLosses.forEach((loss, i) => {
        expect(loss).toBeCloseTo(one.sequenceLosses[i]!, 5);
      });
      expect([several.targetTokens, several.tokens]).toEqual([one.targetTokens, one.tokens]);
      expect(several.paddedTokens).toBeLessThan(one.paddedTokens);
    }
    expectNear(await stateOf(parts), await stateOf(whole), 1e-4);
  });

  test("one step is AdamW on the reported gradients, clipped by their global norm", async () => {
    const optimizer = { beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weightDecay: 0.2, maxGradientNorm: 0.5 };
    const student = await openTiny({ optimizer });
    const batch = weighted(ragged);
    for (let step = 1; step <= 2; step++) {
      const before = await stateOf(student);
      const gradients = await student.gradients(batch);
      const report = await student.train([batch], 0.01);
      const norm = Math.sqrt(
        [...gradients.values()].reduce((sum, g) => sum + g.reduce((s, x) => s + x * x, 0), 0),
      );
      expect(norm).toBeGreaterThan(optimizer.maxGradientNorm);
      expect(report.gradientNorm / norm).toBeCloseTo(1, 5);
      const clip = optimizer.maxGradientNorm / (norm + 1e-6);
      const expected = new Map(before);
      for (const [name, gradient] of gradients) {
        const decay = /\.bias$|\.ln_/.test(name) ? 1 : 1 - 0.01 * optimizer.weightDecay;
        const p = before.get(name)!.slice();
        const m = before.get(`${name}.m`)!.map((x, i) => 0.8 * x + 0.2 * clip * gradient[i]!);
        const v = before.get(`${name}.v`)!.map((x, i) => 0.95 * x + 0.05 * (clip * gradient[i]!) ** 2);
        p.forEach((x, i) => {
          const deviation = Math.sqrt(v[i]! / (1 - 0.95 ** step)) + optimizer.epsilon;
          p[i] = x * decay - (0.01 * (m[i]! / (1 - 0.8 ** step))) / deviation;
        });
        expected.set(name, p).set(`${name}.m`, m).set(`${name}.v`, v);
      }
      expectNear(await stateOf(student), expected, 1e-5);
    }
  });

  test("learns a sequence by heart", async () => {
    const student = await openTiny();
    const batch = weighted(ragged.slice(0, 1));
    const first = await student.train([batch], 0.02);
    for (let step = 0; step < 25; step++) await student.train([batch], 0.02);
    const last = await student.train([batch], 0.02);
    expect(first.loss).toBeGreaterThan(2);
    expect(last.loss).toBeLessThan(0.1);
    expect(student.counters().trainingSteps).toBe(27);
  });

  test.each([1, 2])("two runs are identical, bit for bit (threads: %i)", async (threads) => {
    const states = [];
    for (let i = 0; i < 2; i++) {
      const student = await openTiny({ threads });
      for (let step = 0; step < 3; step++) await student.train([weighted(ragged)], 1e-2);
      await student.train([weighted(ragged.slice(0, 2)), weighted(ragged.slice(2))], 1e-2);
      states.push(await stateOf(student));
    }
    expectSame(states[0]!, states[1]!);
  });

  describe("of a student wide enough for products in blocks", () => {
    const sizes = { n_embd: 256, n_inner: 512, n_head: 4, initializer_range: 0.05 };
    const wide = tinyModel(sizes);

    test.each([1, 2])("goes on from a checkpoint bit for bit (threads: %i)", async (threads) => {
      const [whole, first, second] = await Promise.all([0, 1, 2].map(() => openTiny({ threads }, wide)));
      const batches = [ragged, ragged.slice(0, 3), ragged.slice(1), ragged.slice(2, 3)].map(weighted);
      for (const batch of batches) await whole!.train([batch], 1e-3);
      for (const batch of batches.slice(0, 2)) await first!.train([batch], 1e-3);
      const folder = await temporaryFolder();
      await first!.saveCheckpoint(folder);
      await second!.loadCheckpoint(folder);
      for (const batch of batches.slice(2)) await second!.train([batch], 1e-3);
      expectSame(await stateOf(whole!), await stateOf(second!));
    });

    test("micro-batches make the same update as one batch, whatever they are padded to", async () => {
      const optimizer = { epsilon: 1e-4 };
      const [whole, parts] = [await openTiny({ optimizer }, wide), await openTiny({ optimizer }, wide)];
      const one = await whole.train([weighted(ragged)], 1e-2);
      const batch = weighted(ragged);
      const several = await parts.train([batch.slice(0, 2), batch.slice(2, 3), batch.slice(3)], 1e-2);
      expect(several.loss).toBeCloseTo(one.loss, 5);
      expect([several.targetTokens, several.tokens]).toEqual([one.targetTokens, one.tokens]);
      expectNear(await stateOf(parts), await stateOf(whole), 1e-4);
    });

    test("pads beyond the context where blocks ask for it", async () => {
      const student = await openTiny({}, tinyModel({ ...sizes, n_positions: 50 }));
      const long = { prompt: tokens("long", 47), context: [], target: tokens("target", 3) };
      const batch = weighted([long, ...ragged.slice(0, 2)]);
      const [scored] = await student.score([long]);
      const report = await student.train([batch], 0);
      expect(report.sequenceLosses[0]!).toBeCloseTo(-mean(scored!.logProbabilities), 5);
      // Three rows of 49 tokens that predict something.
      if ((await blockSize()) === 16) expect(report.paddedTokens).toBe(3 * 64);
    });
  });

  test("loss weights every item's mean, whatever its length", async () => {
    const student = await openTiny();
    const batch = ragged.map((sequence, i) => ({ ...sequence, weight: [0.5, 0.1, 0.2, 0.15, 0.05][i]! }));
    const report = await student.train([batch], 0);
    const expected = batch.reduce((sum, { weight }, i) => sum + weight * report.sequenceLosses[i]!, 0);
    expect(report.loss).toBeCloseTo(expected, 6);
    expect(report.targetTokens).toBe(5 + 1 + 12 + 1 + 30);
    // The last token of a sequence predicts nothing and is not read.
    expect(report.tokens).toBe(7 + 1 + 26 + 22 + 40);
    expect(report.paddedTokens).toBe(5 * 40);
  });

  test("a step that fails leaves no trace", async () => {
    const [student, untouched] = [await openTiny(), await openTiny()];
    const tooLong = { prompt: tokens("p", contextLength), context: [], target: [1], weight: 1 };
    const noTarget = { prompt: [1], context: [], target: [], weight: 1 };
    await expect(student.train([[tooLong]], 0.1)).rejects.toThrow(/65 tokens does not fit the context of 64/);
    await expect(student.train([[noTarget]], 0.1)).rejects.toThrow(/at least one given and one target/);
    await expect(student.train([weighted(ragged), [noTarget]], 0.1)).rejects.toThrow(/at least one given/);
    // By the caller's number, though batches are made by length.
    await expect(student.score([...ragged, noTarget])).rejects.toThrow(/^sequence 5 needs/);
    for (const one of [student, untouched]) await one.train([weighted(ragged)], 0.01);
    expectSame(await stateOf(student), await stateOf(untouched));
  });
});

describe("score()", () => {
  test("equals the training loss, padded or alone", async () => {
    const student = await openTiny();
    const together = await student.score(ragged);
    const { sequenceLosses } = await student.train([weighted(ragged)], 0);
    for (const [i, sequence] of ragged.entries()) {
      const [alone] = await student.score([sequence]);
      expect(together[i]!.logProbabilities.length).toBe(sequence.target.length);
      together[i]!.logProbabilities.forEach((value, j) => {
        expect(value).toBeCloseTo(alone!.logProbabilities[j]!, 5);
      });
      expect(together[i]!.isArgmax).toEqual(alone!.isArgmax);
      expect(-mean(together[i]!.logProbabilities)).toBeCloseTo(sequenceLosses[i]!, 5);
      const { sequenceLosses: single } = await student.train([[{ ...sequence, weight: 1 }]], 0);
      expect(single[0]).toBeCloseTo(sequenceLosses[i]!, 5);
    }
  });

  test("gives the same scores in the same order for any batch size, and counts what it read", async () => {
    const student = await openTiny();
    const whole = await student.score(ragged, { alsoTokens: [3, 5] });
    const counted = student.counters();
    expect(counted).toMatchObject({
      scoredSequences: 5,
      forwardPasses: 1,
      scoredTokens: 8 + 2 + 27 + 23 + 41,
    });
    const single = await student.score(ragged, { alsoTokens: [3, 5], maxTokensPerBatch: 1 });
    expect(student.counters().forwardPasses).toBe(6);
    whole.forEach((score, i) => {
      score.logProbabilities.forEach((value, j) => {
        expect(value).toBeCloseTo(single[i]!.logProbabilities[j]!, 5);
      });
      expect(score.isArgmax).toEqual(single[i]!.isArgmax);
    });
    expect(await student.score([])).toEqual([]);
  });

  test("a later token never changes an earlier score, and the split into roles does not matter", async () => {
    const student = await openTiny();
    const [sequence] = sequences([[4, 3, 10]]);
    const { prompt, context, target } = sequence!;
    const other: TokenSequence = { prompt, context, target: [...target.slice(0, 6), 1, 2, 3, 4] };
    const flat: TokenSequence = { prompt: [...prompt, ...context], context: [], target };
    const [a, b, c] = await student.score([sequence!, other, flat]);
    expect(b!.logProbabilities.subarray(0, 6)).toEqual(a!.logProbabilities.subarray(0, 6));
    expect(c!.logProbabilities).toEqual(a!.logProbabilities);
  });

  test("alsoTokens: index i stands instead of target[i], the last after the end", async () => {
    const student = await openTiny();
    const all = Array.from({ length: vocabulary }, (_, id) => id);
    const scores = await student.score(ragged, { alsoTokens: all });
    for (const [i, { prompt, context, target }] of ragged.entries()) {
      const { logProbabilities, isArgmax, alsoLogProbabilities } = scores[i]!;
      expect(alsoLogProbabilities.map((values) => values.length)).toEqual(all.map(() => target.length + 1));
      target.forEach((token, position) => {
        expect(alsoLogProbabilities[token]![position]).toBe(logProbabilities[position]);
        const row = alsoLogProbabilities.map((values) => values[position]!);
        expect(isArgmax[position]).toBe(row.indexOf(Math.max(...row)) === token ? 1 : 0);
        expect(row.reduce((sum, log) => sum + Math.exp(log), 0)).toBeCloseTo(1, 5);
      });
      // After the end: what a longer target would have scored there.
      const [longer] = await student.score([{ prompt, context, target: [...target, 8] }]);
      expect(alsoLogProbabilities[8]![target.length]).toBeCloseTo(
        longer!.logProbabilities[target.length]!,
        5,
      );
    }
    const [reordered] = await student.score(ragged.slice(0, 1), { alsoTokens: [9, 2, 9] });
    expect(reordered!.alsoLogProbabilities.map((values) => values[0])).toEqual(
      [9, 2, 9].map((token) => expect.closeTo(scores[0]!.alsoLogProbabilities[token]![0]!, 5)),
    );
  });

  test("reads a sequence that fills the context, and refuses a longer one", async () => {
    const student = await openTiny();
    const [full] = sequences([[10, 20, contextLength - 30]]);
    const [score] = await student.score([full!], { alsoTokens: [1] });
    expect(score!.alsoLogProbabilities[0]!.length).toBe(contextLength - 29);
    await expect(student.score([{ ...full!, target: [...full!.target, 1] }])).rejects.toThrow(
      /65 tokens does not fit the context of 64/,
    );
    await expect(student.score([{ prompt: [], context: [], target: [1] }])).rejects.toThrow(
      /at least one given/,
    );
  });
});

test("lengthBatches keeps every index once and the padded size within the budget", () => {
  const lengths = [5, 1, 9, 3, 3, 12, 7];
  const batches = lengthBatches(lengths, 14);
  expect(batches.flat().sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  for (const batch of batches) {
    expect(batch.length * Math.max(...batch.map((index) => lengths[index]!))).toBeLessThanOrEqual(14);
  }
  expect(batches.length).toBeLessThan(lengths.length);
  // One that is longer than the budget has a batch of its own.
  expect(lengthBatches([20, 2], 10)).toEqual([[1], [0]]);
});
