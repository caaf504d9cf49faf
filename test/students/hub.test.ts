/** Models from the hub: a small HTTP server plays its part, and the cache has the layout of Python's huggingface_hub. */
import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { loadModel } from "../../src/engine/onnx/load.ts";
import { hubFolder, parseHubModel } from "../../src/students/hub.ts";
import { readModelFolder, writeModelFolder } from "../../src/students/model-folder.ts";
import { SkipthinkError } from "../../src/util/errors.ts";

const golden = fileURLToPath(new URL("../golden/gpt2-tied", import.meta.url));
const commit = "0123456789abcdef0123456789abcdef01234567";
const files = new Map<string, Buffer>([
  ["config.json", readFileSync(join(golden, "config.json"))],
  ["model.safetensors", readFileSync(join(golden, "model.safetensors"))],
  ["pytorch_model.bin", Buffer.from("not wanted")],
  ["onnx/model.onnx", Buffer.from("not wanted either")],
]);
const oid = (content: Buffer): string => createHash("sha1").update(content).digest("hex");

let server: Server;
let endpoint: string;
let requests: string[] = [];
/** Status of everything that the hub is asked; undefined: as it should be. */
let outage: number | undefined;
/** Ends a file's body so many bytes early. */
let cutBytes = 0;
let cache: string;
const environment = (more: Record<string, string> = {}) => ({
  HF_ENDPOINT: endpoint,
  HF_HOME: cache,
  ...more,
});

beforeAll(async () => {
  server = createServer((request, response) => {
    const url = new URL(request.url!, "http://hub");
    requests.push(`${request.method} ${url.pathname}`);
    const json = (value: unknown, status = 200): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    };
    const entry = (path: string) => ({
      type: "file",
      path,
      size: files.get(path)!.length,
      oid: oid(files.get(path)!),
      lastCommit: { id: commit, title: "", date: "2026-01-01T00:00:00Z" },
    });
    if (outage !== undefined) return json({ error: "try later" }, outage);
    if (url.pathname.startsWith("/api/models/team/gated")) return json({ error: "gated" }, 403);
    if (url.pathname.startsWith("/api/models/team/secret")) {
      const given = request.headers.authorization === "Bearer hf_token";
      return json({ error: given ? "no such model" : "no token" }, given ? 404 : 401);
    }
    if (!url.pathname.includes("team/tiny")) return json({ error: "Repository not found" }, 404);
    if (["main", commit].some((name) => url.pathname === `/api/models/team/tiny/revision/${name}`)) {
      return json({ _id: "1", id: "team/tiny", sha: commit, private: false, downloads: 0, likes: 0 });
    }
    if (url.pathname === `/api/models/team/tiny/tree/${commit}`) return json([...files.keys()].map(entry));
    if (url.pathname === `/api/models/team/tiny/paths-info/${commit}`) {
      let body = "";
      request.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on("end", () => json((JSON.parse(body) as { paths: string[] }).paths.map(entry)));
      return;
    }
    const path = url.pathname.slice(`/team/tiny/resolve/${commit}/`.length);
    const content = files.get(path);
    if (content === undefined) return json({ error: "Entry not found" }, 404);
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const [from, to] =
      range === null ? [0, content.length - 1] : [Number(range[1]), Number(range[2] || content.length - 1)];
    const isInfo = range !== null && to === 0;
    const part = content.subarray(from, to + 1 - (isInfo ? 0 : cutBytes));
    response
      .writeHead(range === null ? 200 : 206, {
        etag: `"${oid(content)}"`,
        "content-range": `bytes ${from}-${to}/${content.length}`,
        "content-length": part.length,
      })
      .end(part);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(() => {
  requests = [];
  cache = mkdtempSync(join(tmpdir(), "skipthink-hub-"));
});
afterEach(() => {
  rmSync(cache, { recursive: true });
  for (const name of ["tokenizer.json", "vocab.json", "merges.txt"]) files.delete(name);
  outage = undefined;
  cutBytes = 0;
});

async function failure(work: Promise<unknown>): Promise<SkipthinkError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SkipthinkError);
  return error as SkipthinkError;
}

test("names of models", () => {
  expect(parseHubModel("hf:gpt2")).toEqual({ repository: "gpt2", revision: "main" });
  expect(parseHubModel("hf:Qwen/Qwen2.5-0.5B@refs/pr/3")).toEqual({
    repository: "Qwen/Qwen2.5-0.5B",
    revision: "refs/pr/3",
  });
  for (const bad of ["hf:", "hf:../x", "hf:a/b/c", "hf:a/b@", "hf:a/b@../../x", "hf:a b", "hf:/etc"]) {
    expect(() => parseHubModel(bad), bad).toThrow(/not the name of a model/);
  }
});

describe("download", () => {
  test("takes what a student needs, into Python's cache layout, and says nothing on stdout", async () => {
    const debug = vi.spyOn(console, "debug");
    const told: string[] = [];
    const folder = await hubFolder("hf:team/tiny", {
      environment: environment(),
      onDownload: (file) => told.push(file),
    });
    expect(debug).not.toHaveBeenCalled();
    const storage = join(cache, "hub", "models--team--tiny");
    expect(folder).toBe(join(storage, "snapshots", commit));
    expect(told).toEqual(["config.json", "model.safetensors"]);
    expect(readFileSync(join(storage, "refs", "main"), "utf8")).toBe(commit);
    expect(lstatSync(join(folder, "model.safetensors")).isSymbolicLink()).toBe(true);
    expect(existsSync(join(storage, "blobs", oid(files.get("config.json")!)))).toBe(true);
    expect(existsSync(join(folder, "pytorch_model.bin"))).toBe(false);
    expect((await loadModel(folder)).family.name).toBe("gpt2");
  });

  describe("in shards", () => {
    const single = files.get("model.safetensors")!;
    afterEach(() => {
      for (const name of files.keys()) if (name.includes(".safetensors")) files.delete(name);
      files.set("model.safetensors", single);
    });

    /** The student in shards, and their names as the index has them. */
    async function shard(rename: (name: string) => string): Promise<string[]> {
      const folder = join(cache, "sharded");
      const config = JSON.parse(readFileSync(join(golden, "config.json"), "utf8")) as Record<string, unknown>;
      const { weights } = await readModelFolder(golden);
      const tensors = [];
      for (const name of weights.names()) {
        tensors.push({ name, shape: weights.shape(name), data: await weights.readFloat32(name) });
      }
      await weights.close();
      await writeModelFolder(folder, { config, tensors, maxShardBytes: single.length / 2 });
      const index = JSON.parse(readFileSync(join(folder, "model.safetensors.index.json"), "utf8"));
      const map = index.weight_map as Record<string, string>;
      files.delete("model.safetensors");
      for (const name of new Set(Object.values(map))) {
        files.set(rename(name), readFileSync(join(folder, name)));
      }
      for (const [tensor, name] of Object.entries(map)) map[tensor] = rename(name);
      files.set("model.safetensors.index.json", Buffer.from(JSON.stringify(index)));
      return [...new Set(Object.values(map))];
    }

    // deepseek-ai/DeepSeek-R1-Distill-Qwen-7B has six digits behind "of".
    test.each([
      (name: string) => name.replace("-of-", "-of-0"),
      (name: string) => name.replace("model-", "weights_"),
    ])("takes those that the index names, whatever their names", async (rename) => {
      files.set("tokenizer.json", Buffer.from("{}"));
      const names = await shard(rename);
      expect(names.length).toBeGreaterThan(1);
      files.set("model-of-something-else.safetensors", Buffer.from("not wanted"));
      const folder = await hubFolder("hf:team/tiny", { environment: environment() });
      expect(readdirSync(folder).filter((name) => name.endsWith(".safetensors"))).toEqual(names.sort());
      expect((await loadModel(folder)).weights).toEqual((await loadModel(golden)).weights);
      requests = [];
      expect(await hubFolder(`hf:team/tiny@${commit}`, { environment: environment() })).toBe(folder);
      expect(requests).toEqual([]);
    });

    test("refuses an index that names a file elsewhere, or none of the repository", async () => {
      for (const name of ["../../outside.safetensors", "missing.safetensors"]) {
        rmSync(join(cache, "hub"), { recursive: true, force: true });
        await shard((old) => old);
        const map = { weight_map: { a: name } };
        files.set("model.safetensors.index.json", Buffer.from(JSON.stringify(map)));
        for (const model of ["hf:team/tiny", `hf:team/tiny@${commit}`]) {
          const error = await failure(hubFolder(model, { environment: environment() }));
          expect(error).toMatchObject({ exitCode: 2, place: { key: "student.model" } });
          expect(error.message).toContain(name);
          expect(error.remedy).toContain("layout of transformers");
        }
      }
    });
  });

  test("asks for no file twice, and not at all offline or for a commit it has", async () => {
    files.set("tokenizer.json", Buffer.from("{}"));
    const folder = await hubFolder("hf:team/tiny", { environment: environment() });
    requests = [];
    expect(await hubFolder("hf:team/tiny", { environment: environment() })).toBe(folder);
    expect(requests.filter((request) => request.includes("resolve"))).toEqual([]);
    requests = [];
    expect(await hubFolder("hf:team/tiny", { environment: environment({ HF_HUB_OFFLINE: "1" }) })).toBe(
      folder,
    );
    expect(await hubFolder(`hf:team/tiny@${commit}`, { environment: environment() })).toBe(folder);
    expect(requests).toEqual([]);
  });

  test("without a connection the cached state will do; without either the error says so", async () => {
    const dead = { HF_ENDPOINT: "http://127.0.0.1:9", HF_HOME: cache };
    const error = await failure(hubFolder("hf:team/tiny", { environment: dead }));
    expect(error.exitCode).toBe(1);
    expect(error.message).toContain("could not be downloaded");
    files.set("tokenizer.json", Buffer.from("{}"));
    const folder = await hubFolder("hf:team/tiny", { environment: environment() });
    const notes: string[] = [];
    const onNote = (text: string) => notes.push(text);
    expect(await hubFolder("hf:team/tiny", { environment: dead, onNote })).toBe(folder);
    expect(notes).toEqual([expect.stringContaining("hf:team/tiny as it was last downloaded")]);
  });

  test.each([429, 500, 503, 401, 403])(
    "while the hub answers %i the cached state will do, with a note",
    async (status) => {
      files.set("tokenizer.json", Buffer.from("{}"));
      const folder = await hubFolder("hf:team/tiny", { environment: environment() });
      outage = status;
      const notes: string[] = [];
      const options = { environment: environment(), onNote: (text: string) => notes.push(text) };
      expect(await hubFolder("hf:team/tiny", options)).toBe(folder);
      expect(notes).toEqual([
        expect.stringMatching(new RegExp(`${status}.*hf:team/tiny as it was last downloaded`)),
      ]);
      // Not for a model that is not whole, or gone.
      rmSync(join(folder, "tokenizer.json"));
      await failure(hubFolder("hf:team/tiny", options));
      outage = 404;
      await failure(hubFolder("hf:team/tiny", options));
    },
  );

  test("two at once do not write into each other's file", async () => {
    files.set("tokenizer.json", Buffer.from("{}"));
    const blobs = join(cache, "hub", "models--team--tiny", "blobs");
    // As a process that was killed left it long ago, and one that is at it.
    const weights = files.get("model.safetensors")!;
    mkdirSync(blobs, { recursive: true });
    const [old, fresh] = ["old", "fresh"].map((name) => join(blobs, `${oid(weights)}.${name}.incomplete`));
    for (const path of [old!, fresh!]) writeFileSync(path, "half");
    utimesSync(old!, 1, 1);
    const folders = await Promise.all(
      [1, 2, 3].map(() => hubFolder("hf:team/tiny", { environment: environment() })),
    );
    expect(new Set(folders).size).toBe(1);
    expect(readFileSync(join(folders[0]!, "model.safetensors")).equals(weights)).toBe(true);
    expect(readdirSync(blobs).filter((name) => name.endsWith(".incomplete"))).toEqual([basename(fresh!)]);
  });

  test("a file that came short is no file", async () => {
    cutBytes = 10;
    const error = await failure(hubFolder("hf:team/tiny", { environment: environment() }));
    expect(error.message).toContain("could not be downloaded");
    cutBytes = 0;
    const folder = await hubFolder("hf:team/tiny", { environment: environment() });
    expect((await loadModel(folder)).family.name).toBe("gpt2");
  });

  test.each([
    "",
    '{"weight_map": {',
    "null",
    '{"weight_map": 3}',
    '{"weight_map": {"a": 3}}',
    '{"weight_map": {}}',
  ])("a cached index of weights that is %j is named, with what to do", async (text) => {
    const storage = join(cache, "hub", "models--team--tiny");
    const folder = join(storage, "snapshots", commit);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "config.json"), "{}");
    const index = join(folder, "model.safetensors.index.json");
    writeFileSync(index, text);
    const error = await failure(hubFolder(`hf:team/tiny@${commit}`, { environment: environment() }));
    expect(error.exitCode).toBe(2);
    expect(error.place.file).toBe(index);
    expect(error.remedy).toContain(storage);
  });

  test("a cache without all weights is not taken for complete", async () => {
    const folder = join(cache, "hub", "models--team--tiny", "snapshots", commit);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "config.json"), "{}");
    const error = await failure(
      hubFolder(`hf:team/tiny@${commit}`, { environment: environment({ HF_HUB_OFFLINE: "1" }) }),
    );
    expect(error.exitCode).toBe(2);
    expect(error.message).toContain("HF_HUB_OFFLINE");
  });

  test("a cached commit without its tokenizer is completed, or refused where the hub cannot be asked", async () => {
    const model = `hf:team/tiny@${commit}`;
    const folder = await hubFolder("hf:team/tiny", { environment: environment() });
    const offline = await failure(hubFolder(model, { environment: environment({ HF_HUB_OFFLINE: "1" }) }));
    expect(offline.exitCode).toBe(2);
    expect(offline.message).toMatch(/without its tokenizer.*HF_HUB_OFFLINE/);
    const dead = await failure(
      hubFolder(model, { environment: { HF_ENDPOINT: "http://127.0.0.1:9", HF_HOME: cache } }),
    );
    expect(dead.message).toContain("could not be downloaded");
    // The older form, where the hub has no tokenizer.json.
    files.set("vocab.json", Buffer.from("{}"));
    files.set("merges.txt", Buffer.from(""));
    expect(await hubFolder(model, { environment: environment() })).toBe(folder);
    expect(existsSync(join(folder, "vocab.json")) && existsSync(join(folder, "merges.txt"))).toBe(true);
    requests = [];
    expect(await hubFolder(model, { environment: environment() })).toBe(folder);
    expect(requests).toEqual([]);
  });

  test("refusals name the remedy; the token is sent and never shown", async () => {
    const gated = await failure(hubFolder("hf:team/gated", { environment: environment() }));
    expect(gated.exitCode).toBe(2);
    expect(gated.remedy).toContain("HF_TOKEN");
    const withToken = environment({ HF_TOKEN: "hf_token" });
    const secret = await failure(hubFolder("hf:team/secret", { environment: withToken }));
    expect(secret.message).toContain("the hub has no hf:team/secret");
    expect(`${secret.message}${secret.remedy}`).not.toContain("hf_token");
    expect((await failure(hubFolder("hf:nobody/nothing", { environment: environment() }))).exitCode).toBe(2);
  });
});
