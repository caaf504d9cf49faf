/**
 * Models by name: `hf:owner/name@revision` is a folder of the Hugging Face cache, downloaded where it is not there yet. The cache
 * is the one of Python's huggingface_hub, so a model that either side has downloaded is there for both.
 *
 * Environment: HF_HOME or HF_HUB_CACHE (place of the cache), HF_TOKEN (private and gated models), HF_HUB_OFFLINE (never ask the
 * hub), HF_ENDPOINT (another hub).
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { ListFileEntry } from "@huggingface/hub";
import { z } from "zod";
import { inputError, SkipthinkError } from "../util/errors.ts";
import { fetchHubFile } from "./hub-file.ts";
import { readJson } from "./json-file.ts";
import { shardFileName } from "./model-folder.ts";

const prefix = "hf:";

export interface HubModel {
  /** `owner/name`, or `name` for a few old models such as gpt2. */
  repository: string;
  /** Branch, tag or commit. */
  revision: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

export interface HubOptions {
  environment?: Environment;
  /** Called before each file that has to be downloaded; bytes. */
  onDownload?: (file: string, size: number) => void;
  /** The cached state is taken although the hub could not be asked, and why. */
  onNote?: (text: string) => void;
}

export const isHubModel = (model: string): boolean => model.startsWith(prefix);

/** @throws SkipthinkError (exit 2) if it is not `hf:name`, `hf:owner/name` or one of them with `@revision` */
export function parseHubModel(model: string): HubModel {
  const part = "[A-Za-z0-9][A-Za-z0-9._-]{0,95}";
  const match = new RegExp(`^hf:(${part}(?:/${part})?)(?:@([A-Za-z0-9][A-Za-z0-9._/-]{0,99}))?$`).exec(model);
  if (match === null || model.includes("..") || model.endsWith("/")) {
    throw inputError(
      `"${model.slice(0, 120)}" is not the name of a model on the hub`,
      { key: "student.model" },
      "Write hf:owner/name or hf:owner/name@revision, such as hf:Qwen/Qwen2.5-0.5B.",
    );
  }
  return { repository: match[1]!, revision: match[2] ?? "main" };
}

/** Files that a student is loaded from; the repository's other files (other frameworks, pictures) stay where they are. */
const tokenizerAndConfig =
  /^(?:config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens)\.json$/;
/** What tokenizers are read from where a model has no tokenizer.json. */
const olderTokenizer = ["spiece.model", "vocab.json", "merges.txt"];
const singleWeights = "model.safetensors";
const weightIndex = "model.safetensors.index.json";

/**
 * The folder of a model on the hub, complete with its weights.
 *
 * @throws SkipthinkError exit 2: no such model or no safetensors; exit 1: the hub cannot be reached and the model is not cached
 */
export async function hubFolder(model: string, options: HubOptions = {}): Promise<string> {
  const named = parseHubModel(model);
  const environment = options.environment ?? process.env;
  const storage = join(cacheFolder(environment), `models--${named.repository.replace("/", "--")}`);
  const cached = await cachedSnapshot(storage, named.revision);
  const isWhole = cached !== undefined && hasTokenizer(cached);
  if (isSet(environment.HF_HUB_OFFLINE)) {
    if (isWhole) return cached;
    throw inputError(
      `${model} is ${cached === undefined ? "not" : "without its tokenizer"} in the cache ${storage}, and HF_HUB_OFFLINE is set`,
      { key: "student.model" },
      "Download the model once with HF_HUB_OFFLINE unset, or give a folder.",
    );
  }
  // A commit never changes: what is complete needs no question to the hub.
  if (isWhole && isCommit(named.revision)) return cached;
  try {
    return await download(named, storage, environment, options);
  } catch (error) {
    if (error instanceof SkipthinkError) throw error;
    const failure = hubFailure(model, error);
    // As Python's library does: where the hub does not answer, or has no time or no access for us, the last known state of the
    // branch will do. What it does not have any more is another matter.
    if (!isWhole || isCommit(named.revision) || statusOf(error) === 404) throw failure;
    options.onNote?.(`${failure.message}; taking ${model} as it was last downloaded`);
    return cached;
  }
}

/** The commit that a folder of the cache holds; undefined for any other folder. */
export function commitOfFolder(folder: string): string | undefined {
  const name = basename(folder);
  return basename(dirname(folder)) === "snapshots" && isCommit(name) ? name : undefined;
}

async function download(
  { repository, revision }: HubModel,
  storage: string,
  environment: Environment,
  options: HubOptions,
): Promise<string> {
  // Loaded when it is needed: most commands never ask the hub.
  const { listFiles, modelInfo } = await import("@huggingface/hub");
  const hub = {
    ...(environment.HF_ENDPOINT ? { hubUrl: environment.HF_ENDPOINT.replace(/\/$/, "") } : {}),
    ...(environment.HF_TOKEN ? { accessToken: environment.HF_TOKEN } : {}),
  };
  const { sha } = await modelInfo({ name: repository, revision, additionalFields: ["sha"], ...hub });
  if (!isCommit(sha)) throw new Error(`the hub answered without a commit for ${repository}`);
  const files = new Map<string, ListFileEntry>();
  for await (const entry of listFiles({ repo: repository, revision: sha, ...hub })) {
    if (entry.type === "file") files.set(entry.path, entry);
  }
  const wanted = [...files.keys()].filter((name) => tokenizerAndConfig.test(name));
  if (!files.has("tokenizer.json")) wanted.push(...olderTokenizer.filter((name) => files.has(name)));
  // transformers looks for the single file first, too.
  const weights = [singleWeights, weightIndex].find((name) => files.has(name));
  if (!wanted.includes("config.json") || weights === undefined) {
    throw inputError(
      `${repository} has no ${wanted.includes("config.json") ? "safetensors weights" : "config.json"}`,
      { key: "student.model" },
      "Take a model in the layout of transformers with safetensors weights.",
    );
  }
  const snapshot = join(storage, "snapshots", sha);
  const fetchAll = async (paths: Iterable<string>): Promise<void> => {
    for (const path of paths) {
      if (existsSync(join(snapshot, path))) continue;
      const entry = files.get(path)!;
      options.onDownload?.(path, entry.size);
      await fetchHubFile({ repo: repository, revision: sha, ...hub }, entry, storage);
    }
  };
  await fetchAll([...wanted, weights]);
  if (weights === weightIndex) {
    const { weight_map } = await readIndex(join(snapshot, weightIndex), storage);
    const shards = new Set(Object.values(weight_map));
    checkShards(shards, repository, (name) => files.has(name));
    await fetchAll(shards);
  }
  // The branch's commit is noted last: a folder that a reference leads to is complete.
  if (revision !== sha) {
    const reference = join(storage, "refs", revision);
    await mkdir(dirname(reference), { recursive: true });
    await writeFile(reference, sha);
  }
  return snapshot;
}

/** The cached folder of a revision if it has a configuration and weights. */
async function cachedSnapshot(storage: string, revision: string): Promise<string | undefined> {
  let commit = revision;
  if (!isCommit(revision)) {
    const reference = join(storage, "refs", revision);
    if (!existsSync(reference)) return undefined;
    commit = (await readFile(reference, "utf8")).trim();
    if (!isCommit(commit)) return undefined;
  }
  const folder = join(storage, "snapshots", commit);
  const has = (name: string): boolean => existsSync(join(folder, name));
  if (!has("config.json")) return undefined;
  if (has(singleWeights)) return folder;
  if (!has(weightIndex)) return undefined;
  const index = await readIndex(join(folder, weightIndex), storage);
  const shards = Object.values(index.weight_map);
  return shards.every((name) => shardFileName.test(name) && has(name)) ? folder : undefined;
}

/** Shards may have any name; the index says which they are. */
function checkShards(shards: Iterable<string>, repository: string, isThere: (name: string) => boolean): void {
  for (const name of shards) {
    if (shardFileName.test(name) && isThere(name)) continue;
    throw inputError(
      `${repository}: ${weightIndex} names the shard "${name.slice(0, 120)}", which is no file beside it`,
      { key: "student.model" },
      "Take a model in the layout of transformers, with all its safetensors weights.",
    );
  }
}

const indexSchema = z.looseObject({
  weight_map: z
    .record(z.string(), z.string())
    .refine((map) => Object.keys(map).length > 0, "it names no tensor"),
});

/** @throws SkipthinkError (exit 2): what is cached is not asked for again, so it would stay broken */
async function readIndex(path: string, storage: string): Promise<z.output<typeof indexSchema>> {
  const remedy = `Delete the folder ${storage} and run again: the model is downloaded anew.`;
  try {
    return await readJson(path, indexSchema, remedy);
  } catch (error) {
    if (!(error instanceof SkipthinkError)) throw error;
    throw new SkipthinkError(error.message, {
      exitCode: error.exitCode,
      place: error.place,
      remedy,
      cause: error,
    });
  }
}

/** Python's library may have fetched the weights alone. */
function hasTokenizer(folder: string): boolean {
  const has = (name: string): boolean => existsSync(join(folder, name));
  return has("tokenizer.json") || has("spiece.model") || (has("vocab.json") && has("merges.txt"));
}

const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);

/** As Python's library reads switches. */
const isSet = (value: string | undefined): boolean =>
  value !== undefined && ["1", "on", "yes", "true"].includes(value.toLowerCase());

function cacheFolder(environment: Environment): string {
  const { HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = environment;
  if (HF_HUB_CACHE) return HF_HUB_CACHE;
  return join(HF_HOME ?? join(XDG_CACHE_HOME ?? join(homedir(), ".cache"), "huggingface"), "hub");
}

/** The HTTP status of the hub's answer; undefined where there was none. */
function statusOf(error: unknown): number | undefined {
  const { statusCode } = error as { statusCode?: unknown };
  return typeof statusCode === "number" ? statusCode : undefined;
}

function hubFailure(model: string, error: unknown): SkipthinkError {
  const statusCode = statusOf(error);
  if (statusCode !== undefined) {
    if (statusCode === 401 || statusCode === 403) {
      return inputError(
        `the hub refuses access to ${model} (${statusCode})`,
        { key: "student.model" },
        "The model is private, gated or does not exist: accept its terms on its page and set HF_TOKEN.",
      );
    }
    if (statusCode === 404) {
      return inputError(
        `the hub has no ${model}`,
        { key: "student.model" },
        "Check owner, name and revision.",
      );
    }
    return new SkipthinkError(`the hub answered ${statusCode} for ${model}`, {
      remedy: "Try again later; files that are already downloaded stay.",
    });
  }
  const { code } = error as NodeJS.ErrnoException;
  const reason = error instanceof Error ? (error.cause instanceof Error ? error.cause : error).message : "";
  return new SkipthinkError(`${model} could not be downloaded: ${code ?? reason.slice(0, 200)}`, {
    remedy: "Check the connection, HF_ENDPOINT and the space on the disk; files already downloaded stay.",
  });
}
