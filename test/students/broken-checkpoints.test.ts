/** Checkpoints of every family that do not fit: refused with the tensor's name and what to do, before memory is spent on them. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModel } from "../../src/engine/onnx/load.ts";
import { findFamily } from "../../src/students/families/index.ts";
import { type ModelToWrite, writeModelFolder } from "../../src/students/model-folder.ts";
import { SkipthinkError } from "../../src/util/errors.ts";

let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "skipthink-broken-"));
});
afterAll(() => rm(parent, { recursive: true }));

const rows = 40;
const width = 8;
const decoder = {
  vocab_size: rows,
  max_position_embeddings: 16,
  hidden_size: width,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
};
const families: Record<string, { config: Record<string, unknown>; matrix: string; embedding: string }> = {
  gpt2: {
    config: { vocab_size: rows, n_positions: 16, n_embd: width, n_layer: 2, n_head: 2 },
    matrix: "transformer.h.1.mlp.c_fc.weight",
    embedding: "transformer.wte.weight",
  },
  llama: {
    config: decoder,
    matrix: "model.layers.1.mlp.up_proj.weight",
    embedding: "model.embed_tokens.weight",
  },
  qwen2: {
    config: { ...decoder, tie_word_embeddings: true },
    matrix: "model.layers.0.self_attn.k_proj.bias",
    embedding: "model.embed_tokens.weight",
  },
  phi3: {
    config: decoder,
    matrix: "model.layers.1.self_attn.qkv_proj.weight",
    embedding: "model.embed_tokens.weight",
  },
};

function model(family: string): ModelToWrite {
  const config = { model_type: family, ...families[family]!.config };
  const entry = findFamily(family, "config.json");
  const { parameterShapes } = entry.create(config, "config.json");
  const tensors = [...entry.initialize(config, "config.json", 1)].map(([name, data]) => ({
    name,
    shape: [...parameterShapes.get(name)!],
    data,
  }));
  return { config, tensors };
}

async function written(content: ModelToWrite): Promise<string> {
  const folder = await mkdtemp(join(parent, "model-"));
  await writeModelFolder(folder, content);
  return folder;
}

async function refusal(folder: string): Promise<SkipthinkError> {
  const error = await loadModel(folder).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SkipthinkError);
  return error as SkipthinkError;
}

/** Changes one entry of the header of model.safetensors; the data stay. */
async function editHeader(folder: string, name: string, change: Record<string, unknown>): Promise<void> {
  const path = join(folder, "model.safetensors");
  const bytes = await readFile(path);
  const end = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, end));
  Object.assign(header[name], change);
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  await writeFile(path, Buffer.concat([length, text, bytes.subarray(end)]));
}

describe.each(Object.keys(families))("%s", (family) => {
  const { matrix, embedding } = families[family]!;

  it("refuses a missing tensor", async () => {
    const whole = model(family);
    const error = await refusal(
      await written({ ...whole, tensors: whole.tensors.filter(({ name }) => name !== matrix) }),
    );
    expect(error).toMatchObject({ exitCode: 2, place: { key: matrix } });
    expect(error.message).toContain(`no tensor "${matrix}"`);
    expect(error.remedy).toMatch(/download or save the model again/);
  });

  it("refuses a tensor of another shape", async () => {
    const whole = model(family);
    const tensors = whole.tensors.map((tensor) =>
      tensor.name === matrix ? { ...tensor, shape: [1, ...tensor.shape] } : tensor,
    );
    const error = await refusal(await written({ ...whole, tensors }));
    expect(error).toMatchObject({ exitCode: 2, place: { key: matrix } });
    expect(error.message).toMatch(/is \[1, .*config\.json asks for \[/);
    expect(error.remedy).toMatch(/same model/);
  });

  it("refuses a tensor of integers", async () => {
    const folder = await written(model(family));
    await editHeader(folder, matrix, { dtype: "I32" });
    const error = await refusal(folder);
    expect(error).toMatchObject({ exitCode: 2, place: { key: matrix } });
    expect(error.message).toMatch(/holds I32/);
    expect(error.remedy).toMatch(/float32, float16 or bfloat16/);
  });

  it("refuses an index that names a missing shard", async () => {
    const folder = await written({ ...model(family), maxShardBytes: 1 });
    const index = JSON.parse(await readFile(join(folder, "model.safetensors.index.json"), "utf8"));
    await rm(join(folder, index.weight_map[matrix]));
    const error = await refusal(folder);
    expect(error).toMatchObject({ exitCode: 2, place: { key: matrix } });
    expect(error.message).toContain(index.weight_map[matrix]);
    expect(error.remedy).toMatch(/Download the missing file/);
  });

  it("refuses sizes that the file does not justify, without making room for them", async () => {
    const inHeader = await written(model(family));
    await editHeader(inHeader, matrix, { shape: [2 ** 40, 2 ** 10], data_offsets: [0, 2 ** 52] });
    const inConfig = model(family);
    const rowsKey = { ...inConfig.config, vocab_size: 10_000_000 };
    const before = process.memoryUsage();
    const error = await refusal(inHeader);
    expect(error).toMatchObject({ exitCode: 2, place: { key: matrix } });
    expect(error.remedy).toMatch(/Download or save/);
    expect(await refusal(await written({ ...inConfig, config: rowsKey }))).toMatchObject({
      exitCode: 2,
      place: { key: embedding },
    });
    // Ten million rows of eight would take 320 MB.
    expect(process.memoryUsage().arrayBuffers - before.arrayBuffers).toBeLessThan(50e6);
  });

  it("keeps rows beyond the tokenizer's tokens, and grows to a larger tokenizer", async () => {
    const folder = await written(model(family));
    const plain = await loadModel(folder);
    const padded = await loadModel(folder, { vocabularySize: rows - 7 });
    expect(padded.family.shape.vocabularySize).toBe(rows);
    expect(padded.config.vocab_size).toBe(rows);
    expect(padded.weights).toEqual(plain.weights);
    const grown = await loadModel(folder, { vocabularySize: rows + 3, seed: 2 });
    expect(grown.family.shape.vocabularySize).toBe(rows + 3);
    expect(grown.config.vocab_size).toBe(rows + 3);
    for (const name of findFamily(family, "").vocabularyParameters) {
      const old = plain.weights.get(name);
      expect(grown.weights.get(name)?.subarray(0, old?.length)).toEqual(old);
      expect(grown.weights.get(name)?.length).toBe(old === undefined ? undefined : (rows + 3) * width);
    }
  });
});

it("reads the same weights from one file and from shards", async () => {
  const whole = model("llama");
  const single = await loadModel(await written(whole));
  const sharded = await loadModel(await written({ ...whole, maxShardBytes: 500 }));
  expect(sharded.weights).toEqual(single.weights);
});
