import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TokenSequence } from "../../src/engine/engine.ts";
import { averageBoundaries } from "../../src/method/chunk/boundaries.ts";
import {
  checkLengths,
  type EpochOptions,
  itemLength,
  planEpoch,
  schedules,
} from "../../src/method/items/batches.ts";
import { answerItem, answerOnlyItem, fullItem, stageItems } from "../../src/method/items/build.ts";
import { encodeQuestion, encodeRationale, stepPieces } from "../../src/method/items/encode.ts";
import { findMarkers, markerTokens } from "../../src/method/items/markers.ts";
import type { PlannedBatch } from "../../src/method/items/types.ts";
import { trainByteLevelBpe } from "../../src/students/bpe.ts";
import { tokenizerFromDocument } from "../../src/students/tokenizer.ts";
import { FakeTokenizer } from "./fake-tokenizer.ts";
import { makeRationale, makeWorld } from "./rationales.ts";

describe("encoding", () => {
  it("gives pieces the tokens of the whole text", () => {
    const white = fc.constantFrom("", " ", "\n", "\n\n", "  ");
    const step = fc.tuple(white, fc.constantFrom("Bob has 3.5 kg.", "So", "a b\nc."), white);
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 6 }), (parts) => {
        const steps = parts.map((part) => part.join(""));
        const pieces = stepPieces(steps);
        expect(pieces.join("")).toBe(` ${steps.join("").trim()}`);
        expect(pieces).toHaveLength(steps.length);
        for (const piece of pieces) expect(piece).toBe(piece.trimEnd());
      }),
    );
    expect(stepPieces(["Ann has 2. ", "Bob has 3.\n\n", "So 5.\n"])).toEqual([
      " Ann has 2.",
      " Bob has 3.",
      "\n\nSo 5.",
    ]);
    const tokenizer = new FakeTokenizer();
    const rationale = makeRationale(1, 6);
    const { steps } = encodeRationale(tokenizer, rationale);
    expect(steps.flat()).toEqual(tokenizer.encode(` ${rationale.text.trim()}`));
  });

  it("gives pieces the tokens of the whole text under byte-level BPE, markers included", () => {
    const rationales = Array.from({ length: 40 }, (_, seed) => makeRationale(seed, 6));
    const texts = rationales.map(({ text }) => `${text} "It's" 3.5 + (1,000)...\n`);
    const options = { vocabularySize: 400, endOfText: "<|endoftext|>", splitDigits: false };
    const tokenizer = tokenizerFromDocument(trainByteLevelBpe(texts, options)).withAddedTokens(
      markerTokens(4),
    );
    expect(findMarkers(tokenizer, 4).endOfChunk).toBe(tokenizer.vocabularySize - 1);
    for (const rationale of rationales) {
      const steps = [...rationale.steps, '\n\n"It\'s" 3.5 + ', " (1,000)...  ", "Déjà vu!\n"];
      const encoded = encodeRationale(tokenizer, { ...rationale, steps });
      expect(encoded.steps.flat()).toEqual(tokenizer.encode(` ${steps.join("").trim()}`));
      expect([...encoded.arrow, ...encoded.answer]).toEqual([
        ...tokenizer.encode(` --> ${rationale.answer}`),
        tokenizer.endOfSequence,
      ]);
    }
  });

  it("writes the text format of decoder and encoder-decoder students", () => {
    const tokenizer = new FakeTokenizer();
    const rationale = { id: "r", question: " Q one? ", answer: "18", steps: ["Ann has 2. ", "So 5."] };
    const decoder = encodeRationale(tokenizer, rationale);
    const text = (ids: number[]) => tokenizer.decode(ids, { keepSpecial: true });
    expect(text(decoder.question)).toBe("Q one? ###");
    expect(text(fullItem(decoder).target)).toBe(" Ann has 2. So 5. --> 18<eos>");
    expect(text(answerOnlyItem(decoder).target)).toBe(" --> 18<eos>");
    const options = { encoderDecoder: true };
    const other = encodeRationale(tokenizer, rationale, options);
    expect(text(other.question)).toBe("Q one?<eos>");
    expect(other.steps).toEqual(decoder.steps);
    expect(encodeQuestion(tokenizer, rationale.question, options)).toEqual(other.question);
  });

  it("does not mistake text for a marker", () => {
    const tokenizer = new FakeTokenizer().withAddedTokens(markerTokens(2));
    const markers = findMarkers(tokenizer, 2);
    const { question } = encodeRationale(tokenizer, {
      id: "r",
      question: "[1] ?",
      answer: "1",
      steps: ["a"],
    });
    expect(question).not.toContain(markers.stages[0]);
  });

  it("refuses blank steps and missing markers, naming them", () => {
    const tokenizer = new FakeTokenizer();
    const rationale = { id: "r9", question: "Q", answer: "A", steps: ["one ", " \n"] };
    expect(() => encodeRationale(tokenizer, rationale)).toThrow(/Step 2 of a rationale has no text/);
    expect(() => encodeRationale(tokenizer, { ...rationale, steps: [] })).toThrow(/no steps/);
    expect(() => findMarkers(tokenizer, 3)).toThrow(/no token \[1\]/);
    expect(markerTokens(3)).toEqual(["[1]", "[2]", "[3]", "[answer]", "<|chunk|>"]);
  });
});

describe("items", () => {
  const { markers, encoded } = makeWorld({ count: 30, maxSteps: 9, chunks: 4 });

  it("stage items are lossless: their targets without end-of-chunk are the rationale", () => {
    for (const rationale of encoded) {
      const boundaries = averageBoundaries(rationale.steps.length, 4);
      const items = stageItems(rationale, boundaries, markers, 0.5);
      expect(items.flatMap(({ target }) => target.slice(0, -1))).toEqual(rationale.steps.flat());
      let before: number[] = [];
      items.forEach((item, i) => {
        expect(item.target.at(-1)).toBe(markers.endOfChunk);
        expect(item.context).toEqual(before);
        expect(item.prompt).toEqual([markers.stages[i], ...rationale.question]);
        expect(item).toMatchObject({ stage: i + 1, weight: 0.5, rationaleId: rationale.rationaleId });
        before = [...before, ...item.target.slice(0, -1)];
      });
    }
  });

  it("the answer item holds the kept steps, the arrow and the answer", () => {
    const rationale = encoded.find(({ steps }) => steps.length >= 3)!;
    const whole = answerItem(rationale, markers);
    expect(whole.prompt).toEqual([markers.answer, ...rationale.question]);
    expect(whole.target).toEqual(fullItem(rationale).target);
    const short = answerItem(rationale, markers, [0, 2]);
    const { steps, arrow, answer } = rationale;
    expect(short.target).toEqual([...steps[0]!, ...steps[2]!, ...arrow, ...answer]);
  });

  it("refuses more chunks than the student has markers for", () => {
    const rationale = encoded.find(({ steps }) => steps.length >= 5)!;
    const boundaries = averageBoundaries(rationale.steps.length, 5);
    expect(() => stageItems(rationale, boundaries, markers)).toThrow(/Chunk 5 has no marker/);
  });

  it("reports items that do not fit the student", () => {
    const items = encoded.map((rationale) => fullItem(rationale));
    const lengths = items.map(itemLength);
    const limit = Math.max(...lengths) - 1;
    const overlong = checkLengths(items, limit);
    expect(overlong.length).toBe(lengths.filter((length) => length > limit).length);
    expect(overlong[0]).toMatchObject({ stage: "answer", length: limit + 1 });
    expect(checkLengths(items, limit + 1)).toEqual([]);
  });
});

describe("planEpoch", () => {
  const { markers, encoded } = makeWorld({ count: 50, maxSteps: 6, chunks: 3 });
  const items = encoded.flatMap((rationale) => [
    ...stageItems(rationale, averageBoundaries(rationale.steps.length, 3), markers),
    answerItem(rationale, markers),
  ]);
  const options: EpochOptions = {
    seed: 1,
    epoch: 1,
    itemsPerBatch: 8,
    tokensPerBatch: 100,
    oneStagePerBatch: true,
    schedule: "shuffled",
  };
  const sequences = (batch: PlannedBatch) => batch.microBatches.flat();
  const keyOf = (rationaleId: string, item: TokenSequence) =>
    `${rationaleId} ${item.prompt[0]} ${item.target.join(" ")}`;
  const visited = (batches: PlannedBatch[]) =>
    batches.flatMap((batch) => sequences(batch).map((s, i) => keyOf(batch.rationaleIds[i]!, s)));

  it("visits every item exactly once within the limits, with weights that sum to 1", () => {
    const allOptions = fc.record({
      seed: fc.nat(1000),
      epoch: fc.nat(20),
      itemsPerBatch: fc.integer({ min: 1, max: 20 }),
      tokensPerBatch: fc.integer({ min: 1, max: 300 }),
      oneStagePerBatch: fc.boolean(),
      schedule: fc.constantFrom(...schedules),
    });
    fc.assert(
      fc.property(allOptions, (options) => {
        const batches = planEpoch(items, options);
        expect(visited(batches).sort()).toEqual(items.map((item) => keyOf(item.rationaleId, item)).sort());
        for (const batch of batches) {
          expect(sequences(batch).length).toBeLessThanOrEqual(options.itemsPerBatch);
          expect(batch.rationaleIds).toHaveLength(sequences(batch).length);
          const weights = sequences(batch).map(({ weight }) => weight);
          expect(weights.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
          for (const part of batch.microBatches) {
            const padded = part.length * Math.max(...part.map(itemLength));
            if (part.length > 1) expect(padded).toBeLessThanOrEqual(options.tokensPerBatch);
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it("keeps one stage per batch", () => {
    const markerOf = (stage: PlannedBatch["stage"]) =>
      typeof stage === "number" ? markers.stages[stage - 1] : markers.answer;
    for (const batch of planEpoch(items, options)) {
      expect(batch.stage).not.toBe("mixed");
      for (const { prompt } of sequences(batch)) expect(prompt[0]).toBe(markerOf(batch.stage));
    }
    const mixed = planEpoch(items, { ...options, oneStagePerBatch: false });
    expect(mixed.some(({ stage }) => stage === "mixed")).toBe(true);
  });

  it("orders batches by schedule", () => {
    const stages = (schedule: EpochOptions["schedule"]) =>
      planEpoch(items, { ...options, schedule }).map(({ stage }) => stage);
    const rank = (stage: PlannedBatch["stage"]) => (typeof stage === "number" ? stage : 99);
    const curriculum = stages("curriculum");
    expect(curriculum).toEqual([...curriculum].sort((a, b) => rank(a) - rank(b)));
    expect(stages("roundRobin").slice(0, 8)).toEqual([1, 2, 3, "answer", 1, 2, 3, "answer"]);
    expect(stages("shuffled")).not.toEqual(curriculum);
    expect(stages("shuffled").sort()).toEqual([...curriculum].sort());
  });

  it("is the same for the same seed and epoch, and differs between epochs and seeds", () => {
    expect(planEpoch(items, options)).toEqual(planEpoch(items, options));
    expect(visited(planEpoch(items, { ...options, epoch: 2 }))).not.toEqual(
      visited(planEpoch(items, options)),
    );
    expect(visited(planEpoch(items, { ...options, seed: 2 }))).not.toEqual(
      visited(planEpoch(items, options)),
    );
  });

  it("pads little", () => {
    const many = Array.from({ length: 40 }, () => items).flat();
    const batches = planEpoch(many, { ...options, tokensPerBatch: 10_000 });
    const padded = batches
      .flatMap(({ microBatches }) => microBatches)
      .reduce((sum, part) => sum + part.length * Math.max(...part.map(itemLength)), 0);
    const tokens = many.reduce((sum, item) => sum + itemLength(item), 0);
    expect(padded / tokens).toBeLessThan(1.08);
  });

  it("task weights tilt the steps of one stage and the shares inside mixed batches", () => {
    const weighted = items.map((item) => ({ ...item, weight: item.stage === "answer" ? 3 : 1 }));
    const meanWeight = weighted.reduce((sum, item) => sum + item.weight, 0) / weighted.length;
    for (const batch of planEpoch(weighted, options)) {
      const sum = sequences(batch).reduce((total, { weight }) => total + weight, 0);
      expect(sum).toBeCloseTo((batch.stage === "answer" ? 3 : 1) / meanWeight, 12);
    }
    for (const batch of planEpoch(weighted, { ...options, oneStagePerBatch: false })) {
      expect(sequences(batch).reduce((total, { weight }) => total + weight, 0)).toBeCloseTo(1, 12);
      const [light, heavy] = [1, 3].map((w) =>
        sequences(batch).find(({ prompt }) => (prompt[0] === markers.answer) === (w === 3)),
      );
      if (light && heavy) expect(heavy.weight / light.weight).toBeCloseTo(3, 12);
    }
  });

  it("refuses limits and weights that mean nothing; no items make no batches", () => {
    expect(() => planEpoch(items, { ...options, itemsPerBatch: 0 })).toThrow(/itemsPerBatch is 0/);
    expect(() => planEpoch(items, { ...options, tokensPerBatch: 1.5 })).toThrow(/tokensPerBatch is 1.5/);
    expect(() => planEpoch([{ ...items[0]!, weight: 0 }], options)).toThrow(/weights are above 0/);
    expect(planEpoch([], options)).toEqual([]);
  });
});
