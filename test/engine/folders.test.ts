/** What a student writes and reads: model folders, checkpoints, resized vocabularies, and folders that do not fit. */
import { describe, expect, test } from "vitest";
import { onnxEngine } from "../../src/engine/onnx/student.ts";
import { type ModelToWrite, readModelFolder } from "../../src/students/model-folder.ts";
import { openSafetensors, writeSafetensors } from "../../src/tensor/safetensors.ts";
import {
  openStudent,
  openTiny,
  ragged,
  refusal,
  temporaryFolder,
  tinyModel,
  vocabulary,
  weighted,
  writeTiny,
} from "./tiny-student.ts";

describe("saveModel()", () => {
  test.each([true, false])("opens again with the same scores, bit for bit (tied head: %s)", async (tied) => {
    const student = await openTiny({}, tinyModel({ tie_word_embeddings: tied }));
    for (let step = 0; step < 2; step++) await student.train([weighted(ragged)], 1e-2);
    const folder = await temporaryFolder();
    await student.saveModel(folder);
    const again = await openStudent(folder);
    expect(again.capabilities()).toEqual(student.capabilities());
    expect(await again.score(ragged, { alsoTokens: [4] })).toEqual(
      await student.score(ragged, { alsoTokens: [4] }),
    );
  });

  test("keeps configuration it does not use, and the generation configuration", async () => {
    const model = tinyModel({ summary_type: "cls_index" });
    const folder = await temporaryFolder();
    const student = await openTiny(
      {},
      { ...model, generationConfig: { eos_token_id: 0, max_new_tokens: 9 } },
    );
    await student.saveModel(folder);
    const again = await openStudent(folder);
    await again.saveModel(folder);
    const read = await readModelFolder(folder);
    await read.weights.close();
    expect(read.config).toMatchObject({ model_type: "gpt2", summary_type: "cls_index" });
    expect(read.generationConfig).toEqual({ eos_token_id: 0, max_new_tokens: 9 });
  });
});

describe("checkpoints", () => {
  test("three steps, a checkpoint and three more equal six steps, bit for bit", async () => {
    const batches = [0, 1, 2, 3, 4, 5].map((i) => weighted([ragged[i % 5]!, ragged[(i + 2) % 5]!]));
    const rate = (step: number) => 0.01 / (1 + step);
    const source = await writeTiny();
    const straight = await openStudent(source);
    const losses = [];
    for (const [i, batch] of batches.entries()) losses.push((await straight.train([batch], rate(i))).loss);

    const folder = await temporaryFolder();
    const first = await openStudent(source);
    for (let i = 0; i < 3; i++) await first.train([batches[i]!], rate(i));
    await first.saveCheckpoint(folder);
    // The one that goes on has had a life of its own, decoding session included.
    const second = await openStudent(source);
    await second.train([batches[4]!], 0.1);
    await second.generate([{ prompt: [1], context: [] }], { maxNewTokens: 2, stopTokens: [] });
    await second.loadCheckpoint(folder);
    const resumed = [];
    for (let i = 3; i < 6; i++) resumed.push((await second.train([batches[i]!], rate(i))).loss);

    expect(resumed).toEqual(losses.slice(3));
    expect(await second.score(ragged)).toEqual(await straight.score(ragged));
    const greedy = { maxNewTokens: 10, stopTokens: [] };
    const prompts = ragged.map(({ prompt, context }) => ({ prompt, context }));
    expect(await second.generate(prompts, greedy)).toEqual(await straight.generate(prompts, greedy));
  });

  test("one of another student is refused by name and changes nothing", async () => {
    const student = await openTiny();
    const before = await student.score(ragged);
    for (const changes of [{ n_inner: 24 }, { n_layer: 1 }, { n_embd: 24 }]) {
      const folder = await temporaryFolder();
      await (await openTiny({}, tinyModel(changes))).saveCheckpoint(folder);
      const error = await refusal(student.loadCheckpoint(folder));
      expect(error.exitCode).toBe(2);
      expect(error.place.key).toMatch(/^transformer\./);
      expect(await student.score(ragged)).toEqual(before);
    }
  });

  test("the same number of values in another shape is another student", async () => {
    const folder = await temporaryFolder();
    const student = await openTiny();
    await student.saveCheckpoint(folder);
    const path = `${folder}/training-state.safetensors`;
    const file = await openSafetensors(path);
    const name = "transformer.wpe.weight";
    const tensors = [];
    for (const entry of file.names) {
      const shape = [...file.info(entry).shape];
      tensors.push({
        name: entry,
        shape: entry === name ? shape.reverse() : shape,
        data: await file.readFloat32(entry),
      });
    }
    await file.close();
    await writeSafetensors(path, tensors, { step: "1" });
    expect((await refusal(student.loadCheckpoint(folder))).place.key).toBe(name);
    await writeSafetensors(path, tensors, {});
    expect((await refusal(student.loadCheckpoint(folder))).message).toMatch(/does not say its step/);
    expect((await refusal(student.loadCheckpoint(await temporaryFolder()))).exitCode).toBe(2);
  });
});

describe("vocabulary", () => {
  test.each([true, false])(
    "grows by rows near the mean; old tokens keep theirs (tied head: %s)",
    async (tied) => {
      const folder = await writeTiny(tinyModel({ tie_word_embeddings: tied }));
      const options = { vocabularySize: vocabulary + 5, seed: 3 };
      const [plain, grown, twin, other] = [
        await openStudent(folder),
        await openStudent(folder, options),
        await openStudent(folder, options),
        await openStudent(folder, { ...options, seed: 4 }),
      ];
      expect(grown.capabilities()).toMatchObject({
        vocabularySize: vocabulary + 5,
        parameters: plain.capabilities().parameters + 5 * 16 * (tied ? 1 : 2),
      });
      const alsoTokens = [vocabulary, vocabulary + 4];
      const scores = await grown.score(ragged, { alsoTokens });
      expect(await twin.score(ragged, { alsoTokens })).toEqual(scores);
      expect(await other.score(ragged, { alsoTokens })).not.toEqual(scores);
      // Old tokens: the same logits, so the same differences between log-probabilities.
      const difference = async (student: typeof plain) => {
        const [score] = await student.score([ragged[4]!], { alsoTokens: [1, 2] });
        const [a, b] = score!.alsoLogProbabilities as [Float32Array, Float32Array];
        return Array.from(a, (value, i) => value - b[i]!);
      };
      const expected = await difference(plain);
      (await difference(grown)).forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 4);
      });

      const saved = await temporaryFolder();
      await grown.train([[{ prompt: [vocabulary], context: [], target: [vocabulary + 4], weight: 1 }]], 1e-2);
      await grown.saveModel(saved);
      const again = await openStudent(saved);
      expect(again.capabilities()).toEqual(grown.capabilities());
      expect(await again.score(ragged, { alsoTokens })).toEqual(await grown.score(ragged, { alsoTokens }));
    },
  );
});

describe("folders that do not fit", () => {
  const without = (name: string): ModelToWrite => {
    const model = tinyModel();
    return { ...model, tensors: model.tensors.filter((tensor) => tensor.name !== name) };
  };
  const reshaped = (name: string, shape: number[]): ModelToWrite => {
    const model = tinyModel();
    return { ...model, tensors: model.tensors.map((t) => (t.name === name ? { ...t, shape } : t)) };
  };

  test("a missing tensor is named", async () => {
    const name = "transformer.h.1.mlp.c_fc.bias";
    const error = await refusal(onnxEngine.open(await writeTiny(without(name))));
    expect(error).toMatchObject({ exitCode: 2, place: { key: name } });
    expect(error.message).toContain(name);
    expect(error.remedy).toBeDefined();
  });

  test("a tensor of another shape is named with both shapes", async () => {
    const name = "transformer.h.0.attn.c_attn.weight";
    const error = await refusal(onnxEngine.open(await writeTiny(reshaped(name, [48, 16]))));
    expect(error).toMatchObject({ exitCode: 2, place: { key: name } });
    expect(error.message).toMatch(/\[48, 16\].*\[16, 48\]/);
  });

  test("so are families and settings that are not supported", async () => {
    const unknown = await refusal(
      onnxEngine.open(await writeTiny({ ...tinyModel(), config: { model_type: "mixtral" } })),
    );
    expect(unknown).toMatchObject({ exitCode: 2, place: { key: "model_type" } });
    const prototype = { ...tinyModel(), config: { model_type: "constructor" } };
    expect((await refusal(onnxEngine.open(await writeTiny(prototype)))).exitCode).toBe(2);
    const model = tinyModel();
    const relu = { ...model, config: { ...model.config, activation_function: "relu" } };
    expect((await refusal(onnxEngine.open(await writeTiny(relu)))).place.key).toBe("activation_function");
    expect((await refusal(onnxEngine.open(await temporaryFolder()))).exitCode).toBe(2);
  });

  test("names of the bare GPT2Model and old mask buffers are understood", async () => {
    const model = tinyModel();
    const bare = model.tensors.map((tensor) => ({
      ...tensor,
      name: tensor.name.replace(/^transformer\./, ""),
    }));
    bare.push({ name: "h.0.attn.bias", shape: [1, 1, 2, 2], data: new Float32Array(4) });
    const student = await openTiny({}, { ...model, tensors: bare });
    expect(await student.score(ragged)).toEqual(await (await openTiny()).score(ragged));
  });
});
