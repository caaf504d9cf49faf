import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readModelFolder, writeModelFolder } from "../../src/students/model-folder.ts";
import { writeSafetensors } from "../../src/tensor/safetensors.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-model-"));
});
afterEach(() => rm(folder, { recursive: true }));

const tensors = ["a", "b", "c"].map((name, index) => ({
  name: `transformer.${name}.weight`,
  shape: [2, 2],
  data: Float32Array.of(index, index + 0.25, index + 0.5, -index),
}));
const config = { model_type: "gpt2", n_layer: 1 };
const readJsonFile = async (name: string) => JSON.parse(await readFile(join(folder, name), "utf8"));

async function expectSameTensors(): Promise<void> {
  const { weights } = await readModelFolder(folder);
  try {
    expect(weights.names().sort()).toEqual(tensors.map(({ name }) => name));
    for (const { name, data, shape } of tensors) {
      expect(weights.shape(name)).toEqual(shape);
      expect(await weights.readFloat32(name)).toEqual(data);
    }
  } finally {
    await weights.close();
  }
}

describe("model folders", () => {
  it("round-trips in one file", async () => {
    await writeModelFolder(folder, { config, generationConfig: { eos_token_id: 0 }, tensors });
    expect((await readdir(folder)).sort()).toEqual([
      "config.json",
      "generation_config.json",
      "model.safetensors",
    ]);
    const model = await readModelFolder(folder);
    await model.weights.close();
    expect(model.config).toEqual({ ...config, dtype: "float32" });
    expect(model.generationConfig).toEqual({ eos_token_id: 0 });
    await expectSameTensors();
  });

  it("shards above the limit and names each tensor's shard in the index", async () => {
    await writeModelFolder(folder, { config, tensors, maxShardBytes: 32 });
    expect(await readJsonFile("model.safetensors.index.json")).toEqual({
      metadata: { total_parameters: 12, total_size: 48 },
      weight_map: {
        "transformer.a.weight": "model-00001-of-00002.safetensors",
        "transformer.b.weight": "model-00001-of-00002.safetensors",
        "transformer.c.weight": "model-00002-of-00002.safetensors",
      },
    });
    await expectSameTensors();
  });

  it("gives a tensor larger than a shard one of its own", async () => {
    await writeModelFolder(folder, { config, tensors, maxShardBytes: 1 });
    expect((await readdir(folder)).filter((name) => name.startsWith("model-"))).toHaveLength(3);
    await expectSameTensors();
  });

  it("leaves no weights of an earlier model behind", async () => {
    await writeModelFolder(folder, { config, tensors: tensors.slice(0, 1) });
    await writeModelFolder(folder, { config, tensors, maxShardBytes: 16 });
    await expectSameTensors();
    await writeModelFolder(folder, { config, tensors });
    await expectSameTensors();
    expect((await readdir(folder)).sort()).toEqual(["config.json", "model.safetensors"]);
  });

  it("stores halves and says so in the configuration", async () => {
    await writeModelFolder(folder, { config: { ...config, torch_dtype: "float32" }, tensors, dtype: "F16" });
    expect(await readJsonFile("config.json")).toEqual({ ...config, torch_dtype: "float16" });
    await expectSameTensors();
  });

  it("leaves an older model as it was when a file cannot be written", async () => {
    await writeModelFolder(folder, { config, tensors });
    const broken = [...tensors, { name: "wrong", shape: [3], data: new Float32Array(1) }];
    const writing = writeModelFolder(folder, {
      config: { model_type: "new" },
      tensors: broken,
      maxShardBytes: 16,
    });
    await expect(writing).rejects.toThrow(/"wrong"/);
    expect((await readdir(folder)).sort()).toEqual(["config.json", "model.safetensors"]);
    await expectSameTensors();
  });

  describe("refuses by name", () => {
    const index = (weightMap: Record<string, string>) =>
      writeFile(join(folder, "model.safetensors.index.json"), JSON.stringify({ weight_map: weightMap }));

    it("a folder without a configuration, or with one that names no family", async () => {
      await expect(readModelFolder(folder)).rejects.toThrow(/config\.json does not exist/);
      await writeFile(join(folder, "config.json"), "{}");
      await expect(readModelFolder(folder)).rejects.toMatchObject({
        exitCode: 2,
        place: { key: "model_type" },
      });
      await writeFile(join(folder, "config.json"), "{,}");
      await expect(readModelFolder(folder)).rejects.toMatchObject({
        message: expect.stringMatching(/config\.json is not valid JSON/),
        remedy: expect.stringContaining("Correct that file"),
      });
    });

    it("missing and pickled weights", async () => {
      await writeFile(join(folder, "config.json"), JSON.stringify(config));
      await expect(readModelFolder(folder)).rejects.toThrow(/no model\.safetensors/);
      await writeFile(join(folder, "pytorch_model.bin"), "");
      await expect(readModelFolder(folder)).rejects.toMatchObject({
        remedy: expect.stringMatching(/Pickled/),
      });
    });

    it("an index that names a missing shard, a missing tensor or a file elsewhere", async () => {
      await writeFile(join(folder, "config.json"), JSON.stringify(config));
      await index({ w: "model-00001-of-00001.safetensors" });
      await expect(readModelFolder(folder)).rejects.toThrow(
        /model-00001-of-00001\.safetensors, which is missing/,
      );
      await writeSafetensors(join(folder, "model-00001-of-00001.safetensors"), [
        { name: "other", shape: [1], data: new Float32Array(1) },
      ]);
      await expect(readModelFolder(folder)).rejects.toThrow(/has no tensor "w"/);
      await mkdir(join(folder, "sub"));
      await index({ w: "../model.safetensors" });
      await expect(readModelFolder(folder)).rejects.toMatchObject({ place: { key: "weight_map.w" } });
    });

    it("a tensor that is not there", async () => {
      await writeModelFolder(folder, { config, tensors });
      const { weights } = await readModelFolder(folder);
      expect(() => weights.shape("lm_head.weight")).toThrow(/no tensor "lm_head.weight"/);
      await expect(weights.readFloat32("lm_head.weight")).rejects.toMatchObject({
        place: { key: "lm_head.weight" },
      });
      await weights.close();
    });
  });
});
