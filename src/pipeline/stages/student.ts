/** The student that every method starts from: the recipe's model, or a random one, with the markers in its tokenizer. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { encodeRationale } from "../../method/items/encode.ts";
import { findMarkers, markerTokens } from "../../method/items/markers.ts";
import { trainByteLevelBpe } from "../../students/bpe.ts";
import {
  gpt2ParameterShapes,
  initializeGpt2,
  newGpt2Config,
  parseGpt2Config,
} from "../../students/gpt2-config.ts";
import { commitOfFolder, hubFolder, isHubModel, parseHubModel } from "../../students/hub.ts";
import { writeModelFolder } from "../../students/model-folder.ts";
import { loadTokenizer, tokenizerFromDocument } from "../../students/tokenizer.ts";
import { checkTokenizerFits } from "../../students/tokenizer-fit.ts";
import { inputError } from "../../util/errors.ts";
import { modelFolderHashes } from "../content-hash.ts";
import type { RunContext, RunData, RunStudent } from "../context.ts";
import { hashOf, runStage } from "../run-folder.ts";
import { fittingDevProblems, fittingRationales } from "./fit-context.ts";

/** Where the base student that comes with the package lies. */
export const builtinBaseFolder = resolve(import.meta.dirname, "../../../models/base");

/** The folder of a model given as `builtin:base`, `hf:owner/name@revision` (downloaded once) or a path. */
export async function resolveModelFolder(
  model: string,
  note: (text: string) => void = () => {},
): Promise<string> {
  if (isHubModel(model)) {
    return hubFolder(model, {
      onNote: note,
      onDownload: (file, size) => note(`downloading ${file} of ${model} (${(size / 1e6).toFixed(1)} MB)`),
    });
  }
  if (!model.startsWith("builtin:")) return model;
  if (model === "builtin:base") return builtinBaseFolder;
  throw inputError(
    `there is no built-in student "${model}"`,
    { key: "student.model" },
    "The built-in student is builtin:base.",
  );
}

/** @throws SkipthinkError (exit 2) for a model that does not load, or rationales that do not fit its context */
export async function studentStage(context: RunContext, data: RunData): Promise<RunStudent> {
  const { recipe } = context;
  const base = await baseFolder(context, data);
  const ownTokenizer = await loadTokenizer(base.folder);
  const tokenizer = ownTokenizer.withAddedTokens(markerTokens(recipe.chunk.count));
  const markers = findMarkers(tokenizer, recipe.chunk.count);
  const probe = await context.engine.open(base.folder, { threads: recipe.threads });
  const capabilities = probe.capabilities();
  const { contextLength } = capabilities;
  await probe.close();
  checkTokenizerFits(ownTokenizer, capabilities, base.folder);
  const encoded = data.train.map((rationale) => encodeRationale(tokenizer, rationale, capabilities));
  const kept = await fittingRationales(context, data, encoded, markers, contextLength);
  const dev = await fittingDevProblems(context, data, { tokenizer, markers, capabilities });
  return { hash: base.hash, base: base.folder, tokenizer, markers, encoded: kept, dev, contextLength };
}

/** A run goes on with the commit that it began with, also where a branch of the hub has moved on since. */
interface PinnedModel {
  model: string;
  commit: string;
}
const pinnedFile = ["stages", "hub.json"] as const;

async function pinnedModel({ folder }: RunContext, model: string): Promise<string> {
  const pinned = isHubModel(model) ? await folder.readJson<PinnedModel>(...pinnedFile) : undefined;
  return pinned?.model === model ? `hf:${parseHubModel(model).repository}@${pinned.commit}` : model;
}

async function pinModel({ folder }: RunContext, model: string, path: string): Promise<void> {
  const commit = isHubModel(model) ? commitOfFolder(path) : undefined;
  if (commit !== undefined) await folder.writeJson({ model, commit } satisfies PinnedModel, ...pinnedFile);
}

async function baseFolder(context: RunContext, data: RunData): Promise<{ folder: string; hash: string }> {
  const { recipe, folder, reporter } = context;
  const { model, random } = recipe.student;
  if (random === undefined) {
    const path = await resolveModelFolder(await pinnedModel(context, model!), (text) => reporter.note(text));
    await pinModel(context, model!, path);
    if (!existsSync(join(path, "config.json"))) {
      throw inputError(
        "the student's folder has no config.json",
        { file: path, key: "student.model" },
        "Give a model folder in Hugging Face layout, or builtin:base.",
      );
    }
    return {
      folder: path,
      hash: hashOf(await modelFolderHashes(path)),
    };
  }
  const inputs = { random, seed: recipe.seed, data: data.hash };
  const title = "random student";
  const target = folder.student("base");
  const { hash, cached } = await runStage(
    folder,
    "base",
    inputs,
    async () => {
      reporter.stage(title);
      const endOfText = "<|endoftext|>";
      const texts = data.train.map(({ question, text, answer }) => `${question} ### ${text} --> ${answer}`);
      const document = trainByteLevelBpe(texts, {
        vocabularySize: random.vocabularySize,
        endOfText,
        splitDigits: true,
      });
      const tokenizer = tokenizerFromDocument(document);
      const config = newGpt2Config({
        ...random,
        vocabularySize: tokenizer.vocabularySize,
        endOfText: tokenizer.endOfSequence,
      });
      const parsed = parseGpt2Config(config, "config.json");
      const weights = initializeGpt2(parsed, recipe.seed);
      await writeModelFolder(target, {
        config,
        generationConfig: { bos_token_id: tokenizer.endOfSequence, eos_token_id: tokenizer.endOfSequence },
        tensors: [...gpt2ParameterShapes(parsed)].map(([name, shape]) => ({
          name,
          shape,
          data: weights.get(name)!,
        })),
      });
      await tokenizer.save(target);
      return {};
    },
    ["students/base/config.json"],
  );
  if (cached) reporter.stageSkipped(title, "unchanged");
  return { folder: target, hash };
}
