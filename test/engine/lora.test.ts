/** LoRA: gradients, merging, what is trained and what is not, checkpoints, and the adapter folder. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { forwardSequences, parameterInputs } from "../../src/engine/onnx/forward.ts";
import { loadModel } from "../../src/engine/onnx/load.ts";
import type { OnnxStudent } from "../../src/engine/onnx/student.ts";
import { gradient } from "../../src/graph/gradient.ts";
import { Graph } from "../../src/graph/graph.ts";
import { crossEntropy } from "../../src/graph/operators/neural.ts";
import { reduceSum } from "../../src/graph/operators/reduce.ts";
import { serializeGraph } from "../../src/graph/serialize.ts";
import { type LoraOptions, layerSizes, planLora } from "../../src/students/lora.ts";
import { openSafetensors } from "../../src/tensor/safetensors.ts";
import { RandomStream } from "../../src/util/random.ts";
import { readModel } from "../graph/model-proto.ts";
import { openStudent, ragged, refusal, temporaryFolder, weighted } from "./tiny-student.ts";

const students = [
  "golden/gpt2-tied",
  "golden/gpt2-untied",
  "golden/llama-tied",
  "golden/qwen2-untied",
  "golden/phi3-grouped",
  "golden-t5/relu-tied",
  "golden-t5/odd-sizes",
];
const folderOf = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));
const gpt2 = folderOf("golden/gpt2-tied");

/** Some rows of tokens that appear in the batches, and one that has just been added. */
async function optionsFor(folder: string, changes: Partial<LoraOptions> = {}) {
  const { family } = await loadModel(folder);
  const { vocabularySize } = family.shape;
  const trained = [...new Set([ragged[0]!.prompt[0]!, ragged[0]!.target[0]!, vocabularySize + 1])];
  const lora: LoraOptions = { rank: 3, alpha: 5, targets: ["all-linear"], tokens: trained, ...changes };
  return { lora, vocabularySize: vocabularySize + 2, seed: 4 };
}

/** Gives adapters and rows values that matter. */
function disturb(student: OnnxStudent): void {
  const random = new RandomStream(9, "disturb");
  const changed = [...student.copyWeights()].filter(([name]) => /\.lora_[AB]\.|trainable_tokens/.test(name));
  expect(changed.length).toBeGreaterThan(0);
  student.setWeights(
    new Map(changed.map(([name, { data }]) => [name, data.map(() => 0.1 * random.normal())])),
  );
}

const bits = (data: Float32Array): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

describe.each(students)("%s", (name) => {
  test("the merged student is the one with adapters, and its dense gradients give theirs", async () => {
    const options = await optionsFor(folderOf(name));
    const student = await openStudent(folderOf(name), options);
    disturb(student);
    const merged = join(await temporaryFolder(), "merged");
    await student.saveModel(merged);
    const whole = await openStudent(merged);

    const alsoTokens = Array.from({ length: options.vocabularySize }, (_, id) => id);
    const [ours, theirs] = [
      await student.score(ragged, { alsoTokens }),
      await whole.score(ragged, { alsoTokens }),
    ];
    ours.forEach(({ alsoLogProbabilities }, i) => {
      alsoLogProbabilities.forEach((values, token) => {
        values.forEach((value, position) => {
          const other = theirs[i]!.alsoLogProbabilities[token]![position]!;
          expect(Math.abs(value - other), `${i}/${token}/${position}`).toBeLessThan(
            1e-5 * (1 + Math.abs(other)),
          );
        });
      });
    });
    const greedy = { maxNewTokens: 8, stopTokens: [] };
    expect(await student.generate(ragged, greedy)).toEqual(await whole.generate(ragged, greedy));

    const { family, vocabularyParameters } = await loadModel(merged);
    const plan = planLora(family, vocabularyParameters, options.lora);
    const [low, dense] = [await student.gradients(weighted(ragged)), await whole.gradients(weighted(ragged))];
    expect([...low.keys()].sort()).toEqual([...plan.trainable].sort());
    const weights = student.copyWeights();
    const scale = options.lora.alpha / options.lora.rank;
    for (const module of plan.modules) {
      const { inputs, outputs } = layerSizes(family, module);
      const change = dense.get(`${module}.weight`)!;
      const at = (i: number, o: number) =>
        family.linear.layout === "in-out" ? change[i * outputs + o]! : change[o * inputs + i]!;
      const a = weights.get(`${module}.lora_A.weight`)!.data;
      const b = weights.get(`${module}.lora_B.weight`)!.data;
      const { rank } = options.lora;
      const forA = new Float64Array(a.length);
      const forB = new Float64Array(b.length);
      for (let r = 0; r < rank; r++) {
        for (let i = 0; i < inputs; i++) {
          for (let o = 0; o < outputs; o++) {
            forA[r * inputs + i]! += scale * b[o * rank + r]! * at(i, o);
            forB[o * rank + r]! += scale * at(i, o) * a[r * inputs + i]!;
          }
        }
      }
      expectNear(low.get(`${module}.lora_A.weight`)!, forA, module);
      expectNear(low.get(`${module}.lora_B.weight`)!, forB, module);
    }
    const { width } = family.shape;
    for (const table of plan.tables) {
      const expected = options.lora.tokens!.flatMap((token) => [
        ...dense.get(table)!.subarray(token * width, (token + 1) * width),
      ]);
      const rows = low.get(table.replace(/weight$/, "token_adapter.trainable_tokens_delta"))!;
      expectNear(rows, Float64Array.from(expected), table);
    }
  }, 60_000);

  test("no value of the training graph is as large as a frozen matrix's gradient", async () => {
    const { family: base, vocabularyParameters } = await loadModel(folderOf(name));
    const lora = { rank: 3, alpha: 5, targets: ["all-linear"], tokens: [1, 5] };
    const { family, trainable } = planLora(base, vocabularyParameters, lora);
    const graph = new Graph();
    const parameters = parameterInputs(graph, family);
    const { logits, targets } = forwardSequences(graph, family, (parameter) => parameters.get(parameter)!);
    const gradients = gradient(
      reduceSum(crossEntropy(logits, targets)),
      trainable.map((parameter) => parameters.get(parameter)!),
    );
    gradients.forEach((value, i) => {
      graph.output(value, `gradient.${trainable[i]}`);
    });
    const { outputs, values } = readModel(serializeGraph(graph, "training"));
    expect(outputs.map((output) => output.name)).toEqual(
      trainable.map((parameter) => `gradient.${parameter}`),
    );
    const frozen = [...base.linear.modules.map((module) => `${module}.weight`), ...vocabularyParameters];
    const matrices = frozen.map((matrix) => String(base.parameterShapes.get(matrix)));
    expect(values.filter(({ shape }) => matrices.includes(String(shape)))).toEqual([]);
  });
});

function expectNear(found: Float32Array, expected: Float64Array, name: string): void {
  expect(found.length, name).toBe(expected.length);
  const scale = Math.max(1e-3, ...expected.map(Math.abs));
  found.forEach((value, i) => {
    expect(Math.abs(value - expected[i]!), `${name}[${i}]`).toBeLessThan(1e-3 * scale);
  });
}

describe("training", () => {
  test("starts as the base, learns, and changes no frozen weight, bit for bit", async () => {
    const { lora, seed } = await optionsFor(gpt2, { rank: 4, alpha: 8, tokens: [3, 7] });
    const student = await openStudent(gpt2, { lora, seed, optimizer: { weightDecay: 0.1 } });
    const base = await openStudent(gpt2);
    const [first] = await student.score(ragged.slice(0, 1));
    const [original] = await base.score(ragged.slice(0, 1));
    first!.logProbabilities.forEach((value, i) => {
      expect(value).toBeCloseTo(original!.logProbabilities[i]!, 5);
    });
    const before = student.copyWeights();
    const trainable = [...(await student.gradients(weighted(ragged))).keys()];
    const losses: number[] = [];
    for (let step = 0; step < 30; step++) {
      const batch = weighted(ragged);
      const parts = step % 2 === 0 ? [batch] : [batch.slice(0, 2), batch.slice(2)];
      losses.push((await student.train(parts, 2e-2)).loss);
    }
    expect(losses.at(-1)!).toBeLessThan(0.7 * losses[0]!);
    for (const [name, { data }] of student.copyWeights()) {
      const isSame = bits(data).equals(bits(before.get(name)!.data));
      expect(isSame, name).toBe(!trainable.includes(name));
    }
    // Merged, all that no adapter is on is the base's, bit for bit, and so is every other token's row.
    const folder = join(await temporaryFolder(), "merged");
    await student.saveModel(folder);
    const [merged, whole] = [(await openStudent(folder)).copyWeights(), base.copyWeights()];
    for (const [name, { data }] of merged) {
      const old = whole.get(name)!.data;
      if (name === "transformer.wte.weight") {
        const width = data.length / whole.get(name)!.shape[0]!;
        const changed = [...data.keys()].filter((i) => data[i] !== old[i]).map((i) => Math.floor(i / width));
        expect([...new Set(changed)]).toEqual([3, 7]);
      } else {
        const hasAdapter = trainable.includes(name.replace(/weight$/, "lora_A.weight"));
        expect(bits(data).equals(bits(old)), name).toBe(!hasAdapter);
      }
    }
  }, 60_000);

  test("gradients, moments and checkpoints hold the trained parameters only", async () => {
    const { lora, ...options } = await optionsFor(gpt2, { targets: ["c_attn"], tokens: [2] });
    const student = await openStudent(gpt2, { lora, ...options });
    await student.train([weighted(ragged)], 1e-3);
    const folder = await temporaryFolder();
    await student.saveCheckpoint(folder);
    const file = await openSafetensors(join(folder, "training-state.safetensors"));
    const sizes = new Map(
      file.names.map((name) => [name, file.info(name).shape.reduce((size, length) => size * length, 1)]),
    );
    await file.close();
    const { family } = await loadModel(gpt2);
    const { layers, width } = family.shape;
    const expected = layers * lora.rank * (width + 3 * width) + width;
    const sum = (pattern: RegExp): number =>
      [...sizes].filter(([name]) => pattern.test(name)).reduce((total, [, size]) => total + size, 0);
    expect([sum(/\.m$/), sum(/\.v$/), sum(/./)]).toEqual([expected, expected, 3 * expected]);
    const gradients = await student.gradients(weighted(ragged));
    expect([...gradients.values()].reduce((total, { length }) => total + length, 0)).toBe(expected);
    const { parameters, trainableParameters } = student.capabilities();
    const grown = await openStudent(gpt2, { vocabularySize: options.vocabularySize });
    expect([parameters, trainableParameters]).toEqual([grown.capabilities().parameters, expected]);
  });

  test("two steps, a checkpoint and two more equal four steps, bit for bit", async () => {
    const options = await optionsFor(gpt2, { targets: ["c_attn", "mlp.c_proj"] });
    const step = (student: OnnxStudent) => student.train([weighted(ragged)], 1e-2);
    const straight = await openStudent(gpt2, options);
    for (let i = 0; i < 4; i++) await step(straight);
    const first = await openStudent(gpt2, options);
    for (let i = 0; i < 2; i++) await step(first);
    const folder = await temporaryFolder();
    await first.saveCheckpoint(folder);
    const second = await openStudent(gpt2, options);
    await second.loadCheckpoint(folder);
    for (let i = 0; i < 2; i++) await step(second);
    const [one, other] = [straight.copyWeights(), second.copyWeights()];
    expect(
      [...one.keys()].filter((name) => !bits(one.get(name)!.data).equals(bits(other.get(name)!.data))),
    ).toEqual([]);
    // A checkpoint of whole weights, or of other targets, is of another student.
    const whole = await openStudent(gpt2);
    expect((await refusal(whole.loadCheckpoint(folder))).exitCode).toBe(2);
    const others = await openStudent(gpt2, await optionsFor(gpt2, { targets: ["c_fc"] }));
    expect((await refusal(others.loadCheckpoint(folder))).place.key).toMatch(/c_fc\.lora_A/);
  });

  test("A starts uniform within ±1/√inputs, seeded, and B at zero", async () => {
    const options = await optionsFor(gpt2);
    const [one, again] = [await openStudent(gpt2, options), await openStudent(gpt2, options)];
    const other = await openStudent(gpt2, { ...options, seed: 5 });
    const name = "transformer.h.0.mlp.c_proj.lora_A.weight";
    const { data, shape } = one.copyWeights().get(name)!;
    const bound = 1 / Math.sqrt(shape[1]!);
    const largest = Math.max(...data.map(Math.abs));
    expect(largest).toBeLessThanOrEqual(bound);
    expect(largest).toBeGreaterThan(0.9 * bound);
    expect(Math.abs(data.reduce((sum, value) => sum + value, 0) / data.length)).toBeLessThan(0.2 * bound);
    expect(again.copyWeights().get(name)!.data).toEqual(data);
    expect(other.copyWeights().get(name)!.data).not.toEqual(data);
    expect(
      one
        .copyWeights()
        .get(name.replace("_A", "_B"))!
        .data.every((value) => value === 0),
    ).toBe(true);
  });
});

describe("targets", () => {
  test("are ends of module names", async () => {
    const { family, vocabularyParameters } = await loadModel(gpt2);
    const modules = (targets: string[]) =>
      planLora(family, vocabularyParameters, { rank: 2, alpha: 2, targets }).modules;
    expect(modules(["attn.c_proj"])).toEqual(
      Array.from({ length: family.shape.layers }, (_, layer) => `transformer.h.${layer}.attn.c_proj`),
    );
    expect(modules(["c_proj"]).length).toBe(2 * family.shape.layers);
    expect(modules(["transformer.h.0.mlp.c_fc"])).toEqual(["transformer.h.0.mlp.c_fc"]);
    expect(modules(["all-linear"])).toEqual(modules(["c_attn", "c_proj", "c_fc"]));
  });

  test("that match nothing are refused with those there are", async () => {
    const lora = { rank: 2, alpha: 2, targets: ["c_attn", "q_proj"] };
    const error = await refusal(openStudent(gpt2, { lora }));
    expect([error.exitCode, error.place.key]).toEqual([2, "student.lora.targets"]);
    expect(error.message).toMatch(/"q_proj"/);
    expect(error.remedy).toMatch(/c_attn, c_proj, c_fc/);
    await expect(openStudent(gpt2, { lora: { ...lora, targets: ["wte"] } })).rejects.toThrow(/"wte"/);
    await expect(openStudent(gpt2, { lora: { ...lora, targets: ["c_fc"], tokens: [1e6] } })).rejects.toThrow(
      RangeError,
    );
  });
});

test.each([
  ["golden/gpt2-tied", ["c_attn", "mlp.c_fc"], true, "CAUSAL_LM", ["wte"]],
  ["golden/qwen2-untied", ["q_proj", "v_proj"], false, "CAUSAL_LM", ["embed_tokens", "lm_head"]],
  ["golden-t5/relu-tied", ["q", "v"], false, "SEQ_2_SEQ_LM", ["shared"]],
] as const)("the adapter folder of %s is PEFT's", async (name, targets, fanInFanOut, task, tables) => {
  const options = await optionsFor(folderOf(name), {
    targets,
    base: { name: "some/base", revision: "main" },
  });
  const student = await openStudent(folderOf(name), options);
  const folder = join(await temporaryFolder(), "student");
  await student.saveModel(folder);
  const config = JSON.parse(readFileSync(join(folder, "adapter/adapter_config.json"), "utf8"));
  expect(config).toMatchObject({
    peft_type: "LORA",
    task_type: task,
    base_model_name_or_path: "some/base",
    revision: "main",
    r: 3,
    lora_alpha: 5,
    target_modules: targets,
    fan_in_fan_out: fanInFanOut,
    trainable_token_indices: Object.fromEntries(tables.map((table) => [table, options.lora.tokens])),
  });
  const file = await openSafetensors(join(folder, "adapter/adapter_model.safetensors"));
  expect(file.names.every((tensor) => tensor.startsWith("base_model.model."))).toBe(true);
  expect(file.names.length).toBe((await student.gradients(weighted(ragged))).size);
  await file.close();
});
