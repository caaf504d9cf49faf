/** Last stage: gathers what the run found out into report.json, results.json (the contract for scripts) and report.html. */
import { existsSync } from "node:fs";
import { mcNemarExact, proportionStandardError, wilsonInterval } from "../../evaluate/statistics.ts";
import { methodPlans } from "../../method/baselines/methods.ts";
import type { MethodName } from "../../method/baselines/plan.ts";
import type { ProbedChunk, SkipReason } from "../../method/probe/types.ts";
import type { MethodResult, ReportData } from "../../report/data.ts";
import { renderReport } from "../../report/render.ts";
import { writeTextAtomically } from "../../tensor/atomic-file.ts";
import { mean } from "../../util/mean.ts";
import { budgetOf, describeBudget } from "../budget.ts";
import { problemCount, type RunContext } from "../context.ts";
import type { TrainMetrics } from "../metrics.ts";
import type { RunOutcome } from "../run.ts";
import type { RunManifest } from "../run-folder.ts";
import { writeTensorBoard } from "./tensorboard.ts";

export interface ReportSummary {
  /** What `--json` prints. */
  resultJson: { run: string; task: string; methods: Record<string, MethodResult>; skips: SkipFigures };
  reportPath: string;
  methods: Record<string, MethodResult>;
  comparisons: ReportData["comparisons"];
}

export interface SkipFigures {
  share: number;
  precision?: number;
  recall?: number;
}

/** Points of a loss curve: enough for a picture, few enough for a page. */
const curvePoints = 200;

export async function reportStage(
  context: RunContext,
  outcome: RunOutcome,
  command: string,
): Promise<ReportSummary> {
  const { folder, reporter } = context;
  reporter.stage("report");
  const manifest = await folder.readJson<RunManifest>("run.json");
  const methods = methodResults(outcome);
  const published = context.recipe.data?.published;
  const report: ReportData = {
    run: folder.path,
    title: context.recipe.name,
    createdAt: manifest?.createdAt ?? new Date().toISOString(),
    command,
    seed: context.recipe.seed,
    versions: manifest?.versions ?? {},
    ...(await studentAndData(context, outcome)),
    ...(outcome.data.teacher === undefined ? {} : { teacher: outcome.data.teacher }),
    budget: budgetText(context, [...outcome.trained.keys()]),
    methods,
    ...(published === undefined ? {} : { published }),
    comparisons: comparisons(outcome),
    lossCurves: await lossCurves(context, outcome),
    chunking: chunking(context, outcome),
    skips: { criterion: context.recipe.probe.criterion, ...skips(outcome) },
    rationales: rationales(context, outcome),
    problems: problems(context, outcome),
  };
  const skipFigures: SkipFigures = {
    share: report.skips.share,
    ...(report.skips.precision === undefined ? {} : { precision: report.skips.precision }),
    ...(report.skips.recall === undefined ? {} : { recall: report.skips.recall }),
  };
  const resultJson = { run: folder.path, task: outcome.data.taskName, methods, skips: skipFigures };
  await folder.writeJson(report, "report.json");
  await folder.writeJson(resultJson, "results.json");
  const reportPath = folder.file("report.html");
  await writeTextAtomically(reportPath, renderReport(report));
  if (context.recipe.report.tensorboard) await writeTensorBoard(context, methods, report.createdAt);
  return { resultJson, reportPath, methods, comparisons: report.comparisons };
}

/** The figures of every method that was evaluated. */
export function methodResults(outcome: RunOutcome): Record<string, MethodResult> {
  const results: Record<string, MethodResult> = {};
  const fullSeconds = outcome.evaluated.get("full")?.result.secondsPerProblem;
  for (const [name, { result, samples }] of outcome.evaluated) {
    const trained = outcome.trained.get(name)!.result;
    const problems = samples.length;
    const right = samples.filter(({ correct }) => correct).length;
    const { secondsPerProblem, secondsPerProblemBatched, meanGeneratedTokens, unfinished } = result;
    const { chunked, probed } = outcome;
    const hasSkips = methodPlans[name].needsSkips !== false && chunked !== undefined && probed !== undefined;
    results[name] = {
      accuracy: right / problems,
      accuracyStandardError: proportionStandardError(right, problems),
      accuracyInterval: wilsonInterval(right, problems),
      problems,
      meanGeneratedTokens,
      secondsPerProblem: secondsPerProblem ?? secondsPerProblemBatched,
      secondsPerProblemBatched,
      optimizerSteps: trained.optimizerSteps,
      trainedTokens: trained.trainedTokens,
      trainingSeconds: trained.trainingSeconds,
      ...(hasSkips ? { skipDataSeconds: chunked.result.seconds + probed.result.seconds } : {}),
      unfinished,
      ...(trained.devAccuracy === undefined
        ? {}
        : { devAccuracy: trained.devAccuracy, selectedEpoch: trained.selectedEpoch }),
      ...(trained.bestOnTest === undefined ? {} : { bestOnTest: trained.bestOnTest }),
      ...(fullSeconds === undefined || secondsPerProblem === undefined
        ? {}
        : { speedUp: fullSeconds / secondsPerProblem }),
    };
  }
  return results;
}

function comparisons({ evaluated }: RunOutcome): ReportData["comparisons"] {
  const names = [...evaluated.keys()];
  return names.flatMap((first, i) =>
    names.slice(i + 1).map((second) => {
      const [a, b] = [evaluated.get(first)!.samples, evaluated.get(second)!.samples];
      const onlyFirstRight = a.filter(({ correct }, k) => correct && !b[k]!.correct).length;
      const onlySecondRight = a.filter(({ correct }, k) => !correct && b[k]!.correct).length;
      return {
        first,
        second,
        onlyFirstRight,
        onlySecondRight,
        pValue: mcNemarExact(onlyFirstRight, onlySecondRight),
      };
    }),
  );
}

function budgetText(context: RunContext, methods: readonly MethodName[]): string {
  const texts = methods.map((name) => ({ name, text: describeBudget(budgetOf(context.recipe, name)) }));
  const common = texts.every(({ text }) => text === texts[0]?.text);
  if (common) return `${texts[0]?.text ?? "none"} for each method`;
  return texts.map(({ name, text }) => `${name}: ${text}`).join("; ");
}

async function studentAndData(
  context: RunContext,
  { data, base }: RunOutcome,
): Promise<Pick<ReportData, "task" | "data" | "student">> {
  const { engine, recipe } = context;
  const student = await engine.open(base.base, { threads: recipe.threads });
  const { family, parameters, vocabularySize, contextLength } = student.capabilities();
  await student.close();
  return {
    task: {
      name: data.taskName,
      description: data.taskDescription,
      answerKind: data.answerKind,
      chance: data.chance,
    },
    data: {
      trainProblems: problemCount(data, base),
      trainRationales: base.encoded.length,
      devProblems: base.dev.length,
      testProblems: data.test.length,
      meanSteps: mean(base.encoded.map(({ steps }) => steps.length)),
      meanRationaleTokens: mean(base.encoded.map(({ steps }) => steps.flat().length)),
      notes: data.notes,
    },
    student: {
      name: recipe.student.model ?? "random weights",
      family,
      parameters,
      vocabularySize,
      contextLength,
    },
  };
}

async function lossCurves(
  { folder }: RunContext,
  { trained }: RunOutcome,
): Promise<ReportData["lossCurves"]> {
  const curves: ReportData["lossCurves"] = [];
  for (const [method, { result }] of trained) {
    if (!existsSync(folder.metrics(method))) continue;
    const lines = await folder.readJsonLines<TrainMetrics>("metrics", `${method}.jsonl`);
    const width = Math.max(1, Math.ceil(lines.length / curvePoints));
    const points = [];
    for (let from = 0; from < lines.length; from += width) {
      const window = lines.slice(from, from + width);
      const { step, trainedTokens, seconds } = window.at(-1)!;
      const loss = window.reduce((sum, line) => sum + line.loss, 0) / window.length;
      points.push({ step, trainedTokens, seconds, loss });
    }
    // Not there in trainings of before it was recorded.
    const dev = result.measured?.map(({ epoch: _e, ...measured }) => measured);
    curves.push({ method, points, ...(dev === undefined ? {} : { dev }) });
  }
  return curves;
}

function chunking({ recipe }: RunContext, { trained, chunked }: RunOutcome): ReportData["chunking"] {
  const history: ReportData["chunking"]["history"] = [];
  for (const [method, { result }] of trained) {
    for (const { epoch, scoredSequences, ...entry } of result.history) {
      history.push({
        method,
        epoch: epoch + 1,
        meanObjectiveBefore: entry.meanObjectiveBefore,
        meanObjectiveAfter: entry.meanObjectiveAfter,
        changed: entry.changed,
        rationales: entry.rationales,
        scoredSequences,
      });
    }
  }
  if (chunked !== undefined) {
    const { meanObjectiveBefore, meanObjectiveAfter, rationales: count, scoredSequences } = chunked.result;
    history.push({
      method: "final student",
      // The student that searched is the one that was kept.
      epoch: trained.get("cwt-sbc")?.result.selectedEpoch ?? 0,
      count: chunked.count,
      meanObjectiveBefore,
      meanObjectiveAfter,
      changed: chunked.chunks.filter(
        ({ boundaries, boundariesBefore }) => boundaries.join() !== boundariesBefore.join(),
      ).length,
      rationales: count,
      scoredSequences,
    });
  }
  const { chunks } = recipe.probe;
  return { count: recipe.chunk.count, ...(chunks === undefined ? {} : { probedCount: chunks }), history };
}

function skips({ probed }: RunOutcome): ReportData["skips"] {
  if (probed === undefined) {
    return {
      rationales: 0,
      candidates: 0,
      skipped: 0,
      share: 0,
      meanTokensBefore: 0,
      meanTokensAfter: 0,
      wrongWhenWhole: 0,
    };
  }
  const { rationales: count, candidates, skipped, truth, ...rest } = probed.result;
  return {
    rationales: count,
    candidates,
    skipped,
    share: candidates > 0 ? skipped / candidates : 0,
    meanTokensBefore: rest.meanTokensBefore,
    meanTokensAfter: rest.meanTokensAfter,
    wrongWhenWhole: rest.wrongWhenWhole,
    ...(truth?.precision === undefined ? {} : { precision: truth.precision }),
    ...(truth?.recall === undefined ? {} : { recall: truth.recall }),
    ...(truth === undefined ? {} : { byRole: truth.byRole }),
  };
}

const reasonTexts: Record<SkipReason, string> = {
  statesAnswer: "states the answer: always stays",
  answerStaysRight: "without it the answer stays right",
  answerTurnsWrong: "without it the answer turns wrong",
  laterChunkHarder: "without it a later chunk is harder to write",
  wrongWhenWhole: "not tried: the answer is wrong even with the whole rationale",
  random: "drawn by lot",
};

function rationales({ recipe }: RunContext, outcome: RunOutcome): ReportData["rationales"] {
  const { chunked, probed, data } = outcome;
  if (chunked === undefined || probed === undefined) return [];
  const byId = new Map(data.train.map((rationale) => [rationale.id, rationale]));
  const count = Math.min(recipe.report.rationales, probed.skips.length);
  return Array.from({ length: count }, (_, k) => {
    const index = Math.floor((k * probed.skips.length) / count);
    const skip = probed.skips[index]!;
    const chunk = chunked.chunks[index]!;
    const rationale = byId.get(skip.rationaleId)!;
    const text = ({ from, to }: ProbedChunk): string => rationale.steps.slice(from, to).join("");
    return {
      id: rationale.id,
      question: rationale.question,
      answer: rationale.answer,
      steps: rationale.steps.map((step, i) => {
        const role = rationale.roles?.[i];
        return role === undefined ? { text: step } : { text: step, role };
      }),
      boundariesBefore: chunk.boundariesBefore,
      boundariesAfter: chunk.boundaries,
      whole: { answer: skip.wholeAnswer, correct: skip.wholeRight },
      objectiveBefore: chunk.objectiveBefore,
      objectiveAfter: chunk.objectiveAfter,
      chunks: skip.chunks.map((one, i) => ({
        text: text(one),
        meanNll: chunk.chunkNll[i]!,
        candidate: one.candidate,
        skipped: one.skipped,
        reason: reasonTexts[one.reason],
        ...(one.trial?.studentAnswer === undefined ? {} : { studentAnswer: one.trial.studentAnswer }),
      })),
    };
  });
}

function problems({ recipe }: RunContext, { data, evaluated }: RunOutcome): ReportData["problems"] {
  const count = Math.min(recipe.report.problems, data.test.length);
  return Array.from({ length: count }, (_, k) => {
    const index = Math.floor((k * data.test.length) / count);
    const problem = data.test[index]!;
    const outputs: ReportData["problems"][number]["outputs"] = {};
    for (const [name, { samples }] of evaluated) {
      const { text, predicted, correct, tokens, seconds } = samples[index]!;
      outputs[name] = {
        text,
        answer: predicted,
        correct,
        tokens,
        ...(seconds === undefined ? {} : { seconds }),
      };
    }
    return { ...problem, outputs };
  });
}
