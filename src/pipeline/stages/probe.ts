/** Asks the chunk-wise student which chunks it can spare. Results are appended block by block, so a killed run loses one block. */

import { rm } from "node:fs/promises";
import type { Student } from "../../engine/engine.ts";
import { forcedJudge, generateJudge, type Judge } from "../../method/probe/judge.ts";
import { probeRationales } from "../../method/probe/probe.ts";
import { randomSkips } from "../../method/probe/random-skips.ts";
import { type SkipTruth, skipTruth } from "../../method/probe/skip-truth.ts";
import type { ProbedRationale } from "../../method/probe/types.ts";
import { answersEqual, readAnswer } from "../../tasks/answers/answers.ts";
import { mean } from "../../util/mean.ts";
import { scoringBound } from "../chunk-search.ts";
import { type RunContext, type RunData, type RunStudent, stopIfAsked } from "../context.ts";
import { inBlocks } from "../partial-results.ts";
import { runStage } from "../run-folder.ts";
import type { Chunked } from "./chunk.ts";
import { withPrecision } from "./precision.ts";

export interface ProbeResult {
  rationales: number;
  wrongWhenWhole: number;
  candidates: number;
  skipped: number;
  meanTokensBefore: number;
  meanTokensAfter: number;
  truth: SkipTruth | undefined;
  seconds: number;
}

export interface Probed {
  result: ProbeResult;
  hash: string;
  skips: ProbedRationale[];
}

/** Rationales probed in one go. */
const blockSize = 256;

export async function probeStage(
  context: RunContext,
  data: RunData,
  base: RunStudent,
  chunked: Chunked,
): Promise<Probed> {
  const { folder, recipe, reporter, engine } = context;
  const title = "probe";
  const inputs = { chunks: chunked.hash, probe: recipe.probe, data: data.hash };
  const partialFile = folder.file("skips.partial.jsonl");
  const { result, hash, cached } = await runStage<ProbeResult>(
    folder,
    "probe",
    await withPrecision(context, "probe", inputs),
    async (inputsHash) => {
      reporter.stage(title);
      const student = await engine.open(folder.trainedStudent("cwt-sbc"), { threads: recipe.threads });
      const judge = makeJudge(context, data, base, student);
      const boundaries = new Map(chunked.chunks.map(({ rationaleId, boundaries: b }) => [rationaleId, b]));
      const { decision, onWrong, answerChunk, criterion, maxNllRise } = recipe.probe;
      const options = {
        decision,
        onWrong,
        answerChunk,
        criterion,
        maxNllRise,
        ...scoringBound(context),
      };
      const total = base.encoded.length;
      const blocks = await inBlocks(
        { path: partialFile, inputsHash },
        base.encoded,
        blockSize,
        async (block) => ({
          probed: await probeRationales(student, block, boundaries, base.markers, judge, options),
        }),
        (done) => {
          reporter.progress({ done, total, unit: "rationale" });
          stopIfAsked(context, `after probing ${done} of ${total} rationales`);
        },
      ).finally(() => student.close());
      const done = blocks.flatMap(({ probed }) => probed);
      await folder.writeJsonLines(done, "skips.jsonl");
      return {
        ...summarize(data, base, done),
        seconds: blocks.reduce((sum, { seconds }) => sum + seconds, 0),
      };
    },
    ["skips.jsonl"],
  );
  await rm(partialFile, { force: true });
  if (cached) reporter.stageSkipped(title, "unchanged");
  else if (2 * result.wrongWhenWhole > result.rationales) reporter.warning(mostlyWrong(result, recipe));
  return { result, hash, skips: await folder.readJsonLines<ProbedRationale>("skips.jsonl") };
}

/** What to do when most rationales were not probed at all. */
function mostlyWrong({ wrongWhenWhole, rationales }: ProbeResult, { probe }: RunContext["recipe"]): string {
  const remedy =
    probe.answerChunk === "hidden"
      ? "Show it the chunk that states the answer: probe.answerChunk=shown with probe.criterion=continuation."
      : "Train it longer.";
  return (
    `the student gets ${wrongWhenWhole} of ${rationales} answers wrong even with nothing removed, so nothing is skipped there. ` +
    remedy
  );
}

/** Kept steps by rationale id, as the skip-thinking methods train on them; `random` draws as many chunks by lot. */
export function keptSteps(
  skips: readonly ProbedRationale[],
  random: { seed: number } | undefined,
): Map<string, { keptSteps: number[]; dropped: boolean }> {
  return new Map(
    skips.map((probed) => [
      probed.rationaleId,
      random === undefined ? probed : randomSkips(probed, random.seed),
    ]),
  );
}

function makeJudge(context: RunContext, data: RunData, base: RunStudent, student: Student): Judge {
  const { recipe } = context;
  if (recipe.probe.verdict === "forced") return forcedJudge(student, scoringBound(context));
  const gold = new Map(data.train.map(({ id, answer }) => [id, answer]));
  return generateJudge(student, {
    tokenizer: base.tokenizer,
    maxNewTokens: 16,
    batchSize: recipe.evaluate.batchSize,
    isRight: (rationaleId, text) =>
      answersEqual(data.answerKind, readAnswer(data.answerKind, `--> ${text}`), gold.get(rationaleId)!, data),
  });
}

function summarize(
  data: RunData,
  base: RunStudent,
  skips: readonly ProbedRationale[],
): Omit<ProbeResult, "seconds"> {
  const rationales = new Map(data.train.map((rationale) => [rationale.id, rationale]));
  const encoded = new Map(base.encoded.map((one) => [one.rationaleId, one]));
  const chunks = skips.flatMap((probed) => probed.chunks);
  const tokensOf = (id: string, steps: readonly number[]): number =>
    steps.reduce((sum, step) => sum + encoded.get(id)!.steps[step]!.length, 0);
  const known = skips.flatMap(({ rationaleId, keptSteps: kept }) => {
    const roles = rationales.get(rationaleId)?.roles;
    return roles === undefined ? [] : [{ roles, keptSteps: kept }];
  });
  return {
    rationales: skips.length,
    wrongWhenWhole: skips.filter(({ wholeRight }) => !wholeRight).length,
    candidates: chunks.filter(({ candidate }) => candidate).length,
    skipped: chunks.filter(({ skipped }) => skipped).length,
    meanTokensBefore: mean(
      skips.map(({ rationaleId }) => tokensOf(rationaleId, [...encoded.get(rationaleId)!.steps.keys()])),
    ),
    meanTokensAfter: mean(skips.map(({ rationaleId, keptSteps: kept }) => tokensOf(rationaleId, kept))),
    truth: known.length > 0 ? skipTruth(known) : undefined,
  };
}
