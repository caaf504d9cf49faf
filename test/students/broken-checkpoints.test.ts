/** Checkpoints of every family that do not fit: refused with the tensor's name and what to do, before memory is spent on them. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModel } from "../../src/engine/onnx/load.ts";
import { findFamily } from "../../src/students/families/index.ts";
import { type ModelToWrite, writeModelFolder } from "../../src/students/model-folder.ts";
import { openSafetensors } from "../../src/tensor/safetensors.ts";
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
const rotaryTables = [
  "model.layers.0.self_attn.rotary_emb.inv_freq",
  "rotary_emb.inv_freq",
  "score.weight",
  "v_head.summary.weight",
];
interface Example {
  config: Record<string, unknown>;
  matrix: string;
  embedding: string;
  /** Tensors of the model's own that its configuration does not know, and some that are none of its business. */
  foreign: string[];
  harmless: string[];
}
const families: Record<string, Example> = {
  gpt2: {
    config: { vocab_size: rows, n_positions: 16, n_embd: width, n_layer: 2, n_head: 2 },
    matrix: "transformer.h.1.mlp.c_fc.weight",
    embedding: "transformer.wte.weight",
    foreign: ["transformer.h.2.ln_1.weight", "h.1.crossattention.c_attn.weight", "transformer.wte.bias"],
    harmless: ["transformer.h.1.attn.bias", "h.0.attn.masked_bias", "score.weight", "position_ids"],
  },
  llama: {
    config: decoder,
    matrix: "model.layers.1.mlp.up_proj.weight",
    embedding: "model.embed_tokens.weight",
    foreign: ["model.layers.0.self_attn.q_proj.bias", "layers.2.mlp.up_proj.weight", "model.norm.bias"],
    harmless: rotaryTables,
  },
  qwen2: {
    config: { ...decoder, tie_word_embeddings: true },
    matrix: "model.layers.0.self_attn.k_proj.bias",
    embedding: "model.embed_tokens.weight",
    foreign: ["model.layers.0.self_attn.q_norm.weight", "model.layers.2.self_attn.k_proj.bias"],
    harmless: rotaryTables,
  },
  phi3: {
    config: decoder,
    matrix: "model.layers.1.self_attn.qkv_proj.weight",
    embedding: "model.embed_tokens.weight",
    foreign: ["model.layers.0.self_attn.qkv_proj.bias", "model.layers.10.input_layernorm.weight"],
    harmless: rotaryTables,
  },
  t5: {
    config: {
      vocab_size: rows,
      d_model: width,
      d_kv: 4,
      d_ff: 12,
      num_layers: 2,
      num_heads: 2,
      decoder_start_token_id: 0,
    },
    matrix: "decoder.block.1.layer.2.DenseReluDense.wi.weight",
    embedding: "shared.weight",
    foreign: [
      "decoder.block.2.layer.0.layer_norm.weight",
      "encoder.block.0.layer.1.DenseReluDense.wi_0.weight",
      "encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight",
    ],
    harmless: [
      "encoder.embed_tokens.weight",
      "decoder.embed_tokens.weight",
      "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
    ],
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
  const { matrix, embedding, foreign, harmless } = families[family]!;

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

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    "refuses weights of %d",
    async (value) => {
      const whole = model(family);
      const data = whole.tensors.find(({ name }) => name === matrix)!.data.slice();
      data[data.length - 1] = value;
      const tensors = whole.tensors.map((tensor) => (tensor.name === matrix ? { ...tensor, data } : tensor));
      for (const maxShardBytes of [1, 1e9]) {
        const folder = await written({ ...whole, tensors, maxShardBytes });
        const error = await refusal(folder);
        expect(error).toMatchObject({ exitCode: 2, place: { key: matrix } });
        expect(error.message).toContain(`"${matrix}" of ${error.place.file} holds ${value}`);
        const file = await openSafetensors(error.place.file!);
        expect(file.has(matrix)).toBe(true);
        await file.close();
        expect(error.remedy).toMatch(/download the model again/);
      }
    },
  );

  it.each(foreign)("refuses %s, which its configuration does not know", async (name) => {
    const whole = model(family);
    const extra = { name, shape: [2], data: Float32Array.of(1, 2) };
    const error = await refusal(await written({ ...whole, tensors: [...whole.tensors, extra] }));
    expect(error).toMatchObject({ exitCode: 2, place: { key: name } });
    expect(error.message).toContain(`holds the tensor "${name}"`);
    expect(error.remedy).toMatch(/correct config\.json/);
  });

  it("passes over what is no weight of its own", async () => {
    const whole = model(family);
    const extra = harmless.map((name) => ({ name, shape: [2], data: Float32Array.of(1, 2) }));
    const { weights } = await loadModel(await written({ ...whole, tensors: [...extra, ...whole.tensors] }));
    expect(weights).toEqual((await loadModel(await written(whole))).weights);
  });

  it("has the head that the file holds, where it differs from embeddings it is said to be tied to", async () => {
    const whole = model(family);
    const config = { ...whole.config, tie_word_embeddings: true };
    const tied = whole.tensors.filter(({ name }) => name !== "lm_head.weight");
    const table = tied.find(({ name }) => name === embedding)!;
    const withHead = (data: Float32Array) =>
      written({ config, tensors: [...tied, { name: "lm_head.weight", shape: table.shape, data }] });
    const other = table.data.map((value, i) => (i === 3 ? value + 1 : value));
    const untied = await loadModel(await withHead(other));
    expect(untied.config.tie_word_embeddings).toBe(false);
    expect(untied.weights.get("lm_head.weight")).toEqual(other);
    const copied = await loadModel(await withHead(table.data.slice()));
    expect(copied.config.tie_word_embeddings).toBe(true);
    expect(copied.weights.has("lm_head.weight")).toBe(false);
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
