/** Decoding with the key-value cache against repeated scoring of the whole sequence. */
import { beforeAll, describe, expect, test } from "vitest";
import type { GenerateOptions } from "../../src/engine/engine.ts";
import { cacheBlock } from "../../src/engine/onnx/cache.ts";
import { promptPasses } from "../../src/engine/onnx/prompt-passes.ts";
import { sharedPrefix } from "../../src/engine/onnx/shared-prompts.ts";
import { type OnnxStudent, onnxEngine } from "../../src/engine/onnx/student.ts";
import { contextLength, openTiny, tinyModel, tokens, vocabulary } from "./tiny-student.ts";

const everyToken = Array.from({ length: vocabulary }, (_, id) => id);

/** log p of every token after `sequence`, which has at least two tokens. */
async function nextLogProbabilities(student: OnnxStudent, sequence: readonly number[]): Promise<number[]> {
  const read = { prompt: sequence.slice(0, -1), context: [], target: sequence.slice(-1) };
  const [score] = await student.score([read], { alsoTokens: everyToken });
  return score!.alsoLogProbabilities.map((values) => values[1]!);
}

/** Greedy continuation without a cache. */
async function greedyByScoring(
  student: OnnxStudent,
  prompt: readonly number[],
  count: number,
): Promise<number[]> {
  const sequence = [...prompt];
  for (let i = 0; i < count; i++) {
    const logs = await nextLogProbabilities(student, sequence);
    sequence.push(logs.indexOf(Math.max(...logs)));
  }
  return sequence.slice(prompt.length);
}

const prompts = [4, 1, 9, 2, 23, 13, 6].map((length, i) => ({
  prompt: tokens(`prompt/${i}`, length),
  context: tokens(`context/${i}`, i % 3),
}));
const steps = 36;
const greedy: GenerateOptions = { maxNewTokens: steps, stopTokens: [] };

describe.each([
  { name: "head width 8", changes: {} },
  { name: "head width 5, untied head", changes: { n_embd: 15, n_head: 3, tie_word_embeddings: false } },
])("greedy generation, $name", ({ changes }) => {
  let student: OnnxStudent;
  let expected: number[][];
  beforeAll(async () => {
    student = await openTiny({}, tinyModel(changes));
    expected = [];
    for (const { prompt, context } of prompts) {
      expected.push(await greedyByScoring(student, [...prompt, ...context], steps));
    }
  }, 60_000);

  test.each([1, 3, 7])(
    "is the arg-max of repeated scoring for ragged prompts, %i at a time",
    async (batchSize) => {
      const generations = await student.generate(prompts, { ...greedy, batchSize });
      expect(generations.map((generation) => generation.tokens)).toEqual(expected);
      expect(generations.every((generation) => !generation.stopped)).toBe(true);
      // A student that only repeats itself would prove little about the cache.
      expect(Math.max(...expected.map((list) => new Set(list).size))).toBeGreaterThan(6);
    },
  );

  test("rows that stop early leave the others as they were", async () => {
    // A token that ends rows at different times and leaves some running.
    const firstUse = (token: number) => expected.map((list) => list.indexOf(token));
    const stop = everyToken.find((token) => {
      const used = firstUse(token);
      return new Set(used).size >= 4 && used.includes(-1);
    });
    expect(stop).toBeDefined();
    for (const batchSize of [3, 7]) {
      const generations = await student.generate(prompts, { ...greedy, stopTokens: [stop!], batchSize });
      generations.forEach((generation, i) => {
        const end = firstUse(stop!)[i]!;
        expect(generation.stopped).toBe(end >= 0);
        expect(generation.tokens).toEqual(end < 0 ? expected[i] : expected[i]!.slice(0, end + 1));
      });
    }
  });

  test("never writes a suppressed token, and the first one written instead is the next best", async () => {
    const first = expected[0]![0]!;
    const { prompt, context } = prompts[0]!;
    const options = { ...greedy, suppressTokens: [first] };
    const generations = await student.generate(prompts, options);
    expect(generations.flatMap(({ tokens }) => tokens)).not.toContain(first);
    const [scored] = await student.score(
      [{ prompt: [...prompt, ...context], context: [], target: [first] }],
      {
        alternatives: true,
      },
    );
    expect(generations[0]!.tokens[0]).toBe(scored!.alternatives![0]);
    const [alone] = await student.generate([prompts[0]!], options);
    expect(alone).toEqual(generations[0]);
  });

  test("reads what prompts have in common once, and writes what each writes alone", async () => {
    const common = tokens("common", 30);
    const length = (i: number): number => [1, 5, 3, 1, 7, 2, 4, 1, 6, 2][i]!;
    const distinct = Array.from({ length: 10 }, (_, i) => ({
      prompt: [...common, ...tokens(`own/${i}`, length(i))],
      context: [],
    }));
    const sharing = [...distinct, ...distinct.slice(2, 6)];
    expect(sharedPrefix(distinct.map(({ prompt }) => prompt))).toBeGreaterThanOrEqual(30);
    const short = { maxNewTokens: 8, stopTokens: [] };
    const alone = [];
    for (const prompt of sharing) alone.push(...(await student.generate([prompt], short)));
    expect(await student.generate(sharing, { ...short, batchSize: sharing.length })).toEqual(alone);
    // Equal prompts draw each with its own random stream.
    const same = Array<(typeof sharing)[number]>(6).fill(sharing[0]!);
    const drawn = await student.generate(same, { ...short, temperature: 1, seed: 3 });
    expect(new Set(drawn.map((generation) => generation.tokens.join())).size).toBeGreaterThan(1);
    const oneByOne = await student.generate(same, { ...short, temperature: 1, seed: 3, batchSize: 1 });
    expect(drawn).toEqual(oneByOne);
  });

  test("goes on when the cache has to grow, with rows of different lengths in it", async () => {
    const own = await openTiny({}, tinyModel({ ...changes, n_positions: 160 }));
    const count = 2 * cacheBlock + 3;
    const generations = await own.generate(prompts.slice(0, 3), { maxNewTokens: count, stopTokens: [] });
    const { prompt, context } = prompts[2]!;
    expect(generations[2]!.tokens).toEqual(await greedyByScoring(own, [...prompt, ...context], count));
    const [alone] = await own.generate([prompts[0]!], { maxNewTokens: count, stopTokens: [] });
    expect(generations[0]).toEqual(alone);
  });

  test("sees new weights after a training step", async () => {
    const own = await openTiny({}, tinyModel(changes));
    const before = await own.generate(prompts, greedy);
    await own.train([[{ prompt: [1], context: [], target: tokens("t", 20), weight: 1 }]], 0.5);
    const after = await own.generate(prompts.slice(0, 2), { maxNewTokens: 6, stopTokens: [] });
    expect(after[0]!.tokens).toEqual(
      await greedyByScoring(own, [...prompts[0]!.prompt, ...prompts[0]!.context], 6),
    );
    expect(after[0]!.tokens).not.toEqual(before[0]!.tokens.slice(0, 6));
  });
});

describe("many tokens of prompts", () => {
  test("are read in passes of bounded size, one row at least in each", () => {
    expect(promptPasses([5, 5, 6, 6, 20, 21, 3], 20)).toEqual([
      [0, 3],
      [3, 4],
      [4, 5],
      [5, 6],
      [6, 7],
    ]);
    expect(promptPasses([1, 2, 3], 9)).toEqual([[0, 3]]);
    expect(promptPasses([], 9)).toEqual([]);
  });

  const own = (name: string, count: number, least: number) =>
    Array.from({ length: count }, (_, i) => tokens(`${name}/${i}`, least + ((i * 7) % 13)));
  const common = tokens("many/common", 25);
  test.each([
    ["with nothing in common", own("many", 120, 38)],
    ["some of them equal", [...own("many", 120, 38), ...own("many", 20, 38)]],
    ["with a beginning in common", own("rest", 300, 8).map((rest) => [...common, ...rest])],
  ])("%s, give what each gives in a small batch", async (_, many) => {
    const student = await openTiny();
    const asked = many.map((prompt) => ({ prompt, context: [] }));
    for (const temperature of [0, 1]) {
      const options = { maxNewTokens: 4, stopTokens: [], temperature, seed: 5 };
      expect(await student.generate(asked, { ...options, batchSize: many.length })).toEqual(
        await student.generate(asked, { ...options, batchSize: 8 }),
      );
    }
  });
});

test("a student with grouped and rotated heads shares what prompts have in common", async () => {
  const student = await onnxEngine.open("models/base", { threads: 1 });
  const common = Array.from({ length: 60 }, (_, i) => 300 + ((i * 37) % 900));
  const prompts = [[400], [500, 600, 700], [800, 900], [400], [1000, 1100, 1200, 1300, 1400], [450]].map(
    (own) => ({
      prompt: [...common, ...own],
      context: [],
    }),
  );
  const alone = [];
  for (const prompt of prompts)
    alone.push(...(await student.generate([prompt], { ...greedy, maxNewTokens: 20 })));
  expect(await student.generate(prompts, { ...greedy, maxNewTokens: 20 })).toEqual(alone);
  await student.close();
});

describe("generate()", () => {
  let student: OnnxStudent;
  beforeAll(async () => {
    student = await openTiny();
  });

  test("reports every token as it comes and counts them", async () => {
    const seen: number[][] = prompts.map(() => []);
    const before = student.counters().generatedTokens;
    const generations = await student.generate(prompts, {
      ...greedy,
      maxNewTokens: 5,
      batchSize: 3,
      onToken: (sequence, token) => seen[sequence]!.push(token),
    });
    expect(seen).toEqual(generations.map((generation) => generation.tokens));
    expect(student.counters().generatedTokens - before).toBe(5 * prompts.length);
  });

  test("ends where the context ends", async () => {
    const prompt = tokens("long", contextLength - 3);
    const [generation] = await student.generate([{ prompt, context: [] }], { ...greedy, maxNewTokens: 50 });
    // The last token is predicted from a full context and never read.
    expect(generation).toEqual({ tokens: await greedyByScoring(student, prompt, 4), stopped: false });
  });

  test("refuses prompts that are empty or leave no room; nothing to do gives nothing", async () => {
    const full = { prompt: tokens("full", 40), context: tokens("more", contextLength - 40) };
    await expect(student.generate([prompts[0]!, full], greedy)).rejects.toThrow(
      new RegExp(`prompt 1 has ${contextLength} tokens; the context holds ${contextLength}`),
    );
    await expect(student.generate([{ prompt: [], context: [] }], greedy)).rejects.toThrow(
      /prompt 0 is empty/,
    );
    expect(await student.generate([], greedy)).toEqual([]);
    expect(await student.generate(prompts.slice(0, 1), { ...greedy, maxNewTokens: 0 })).toEqual([
      { tokens: [], stopped: false },
    ]);
  });

  test("sampling repeats with the seed, in any batch size, and differs between seeds and rows", async () => {
    const same = Array.from({ length: 6 }, () => prompts[0]!);
    const sample = async (seed: number, batchSize: number) =>
      (
        await student.generate(same, { maxNewTokens: 12, stopTokens: [], temperature: 1, seed, batchSize })
      ).map((generation) => generation.tokens);
    const first = await sample(4, 6);
    expect(await sample(4, 6)).toEqual(first);
    expect(await sample(4, 1)).toEqual(first);
    expect(await sample(4, 4)).toEqual(first);
    expect(await sample(5, 6)).not.toEqual(first);
    expect(new Set(first.map((list) => list.join())).size).toBeGreaterThan(1);
  });

  test.each([0.5, 1, 2])(
    "samples at temperature %f from softmax(logits / temperature)",
    async (temperature) => {
      const draws = 3000;
      const { prompt } = prompts[2]!;
      const generations = await student.generate(new Array(draws).fill({ prompt, context: [] }), {
        maxNewTokens: 1,
        stopTokens: [],
        temperature,
        seed: 17,
        batchSize: 500,
      });
      const counts = new Array<number>(vocabulary).fill(0);
      for (const generation of generations) counts[generation.tokens[0]!]! += 1;
      const powers = (await nextLogProbabilities(student, prompt)).map((log) => Math.exp(log / temperature));
      const total = powers.reduce((sum, power) => sum + power, 0);
      counts.forEach((count, token) => {
        const p = powers[token]! / total;
        // Five standard deviations of a binomial count, plus one for the rare tokens.
        expect(Math.abs(count - draws * p), `token ${token}`).toBeLessThan(
          5 * Math.sqrt(draws * p * (1 - p)) + 1,
        );
      });
    },
  );
});
