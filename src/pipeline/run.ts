/** The main path: rationales in, students and report out. Each line is a stage; each stage remembers what it has done. */

import { methodPlans } from "../method/baselines/methods.ts";
import type { MethodName, MethodPlan } from "../method/baselines/plan.ts";
import { type RunContext, type RunData, type RunStudent, stopIfAsked } from "./context.ts";
import { type Chunked, chunkStage } from "./stages/chunk.ts";
import { dataStage } from "./stages/data.ts";
import { type Evaluated, evaluateStage } from "./stages/evaluate.ts";
import { keptSteps, type Probed, probeStage } from "./stages/probe.ts";
import { studentStage } from "./stages/student.ts";
import { type TrainResult, trainStage, type Upstream } from "./stages/train.ts";

/** Everything a run has found out, for the report and the JSON result. */
export interface RunOutcome {
  data: RunData;
  base: RunStudent;
  trained: Map<MethodName, { result: TrainResult; hash: string }>;
  chunked: Chunked | undefined;
  probed: Probed | undefined;
  evaluated: Map<MethodName, Evaluated>;
}

export interface RunSelection {
  /** Methods to train; what they start from is trained too. Default: the recipe's. */
  methods?: readonly MethodName[];
  /** Stop after this stage. */
  until?: "train" | "chunk" | "probe" | "evaluate";
}

export async function runPipeline(context: RunContext, selection: RunSelection = {}): Promise<RunOutcome> {
  const methods = selection.methods ?? context.recipe.methods;
  const until = selection.until ?? "evaluate";
  announce(context, methods, until);

  const data = await dataStage(context);
  const base = await studentStage(context, data);
  const outcome: RunOutcome = {
    data,
    base,
    trained: new Map(),
    chunked: undefined,
    probed: undefined,
    evaluated: new Map(),
  };
  for (const name of methods) {
    stopIfAsked(context, `before ${name}`);
    const plan = methodPlans[name];
    const upstream = await upstreamOf(context, outcome, plan);
    outcome.trained.set(name, await trainStage(context, data, base, plan, upstream));
    if (until === "evaluate") {
      const { hash } = outcome.trained.get(name)!;
      outcome.evaluated.set(name, await evaluateStage(context, data, base, plan, hash));
    }
  }
  // Without a skip-thinking method the chunk-wise student's chunks and skips are still worth a look.
  if (outcome.trained.has("cwt-sbc") && until !== "train") {
    await chunkOnce(context, outcome);
    if (until !== "chunk") await probeOnce(context, outcome);
  }
  return outcome;
}

/** What a method's training starts from: the base student, or an earlier method's with its chunks and skips. */
export async function upstreamOf(
  context: RunContext,
  outcome: RunOutcome,
  plan: MethodPlan,
): Promise<Upstream> {
  const { base } = outcome;
  if (plan.startsFrom === undefined) {
    return { model: base.base, hash: base.hash, optimizerSteps: 0, trainedTokens: 0, trainingSeconds: 0 };
  }
  const start = outcome.trained.get(plan.startsFrom)!;
  const chunked = await chunkOnce(context, outcome);
  const probed = await probeOnce(context, outcome);
  const { optimizerSteps, trainedTokens, trainingSeconds } = start.result;
  const random = plan.needsSkips === "random" ? { seed: context.recipe.seed } : undefined;
  return {
    model: context.folder.student(plan.startsFrom),
    hash: probed.hash,
    optimizerSteps,
    trainedTokens,
    trainingSeconds,
    boundaries:
      chunked.count === context.recipe.chunk.count
        ? Object.fromEntries(chunked.chunks.map((chunk) => [chunk.rationaleId, chunk.boundaries]))
        : // Probing has cut finer or coarser; stages are those that the student has been taught.
          start.result.boundaries,
    skips: keptSteps(probed.skips, random),
  };
}

async function chunkOnce(context: RunContext, outcome: RunOutcome): Promise<Chunked> {
  outcome.chunked ??= await chunkStage(context, outcome.base, outcome.trained.get("cwt-sbc")!);
  return outcome.chunked;
}

async function probeOnce(context: RunContext, outcome: RunOutcome): Promise<Probed> {
  const chunked = await chunkOnce(context, outcome);
  outcome.probed ??= await probeStage(context, outcome.data, outcome.base, chunked);
  return outcome.probed;
}

/** Rough cost of an epoch of the methods without chunks, where it is not that of `full`, 2. */
const plainCost: Partial<Record<MethodName, number>> = { "answer-only": 0.8, "step-by-step": 2.5, icot: 1.5 };

/** Stage titles with rough relative costs, so that the reporter can number them and say what is left. */
function announce(context: RunContext, methods: readonly MethodName[], until: string): void {
  const stages: { title: string; weight: number }[] = [{ title: "data", weight: 0.2 }];
  const cost = (name: MethodName): number => {
    const { unit, amount } = context.recipe.train.budgets[name] ?? context.recipe.train.budget;
    if (unit !== "epochs") return 10;
    const perEpoch = { none: plainCost[name] ?? 2, average: 8, search: 8.5 };
    const plan = methodPlans[name];
    return amount * (plan.startsFrom !== undefined ? 1.6 : perEpoch[plan.needsChunks]);
  };
  let probed = false;
  const probe = (): void => {
    if (probed) return;
    stages.push({ title: "chunk", weight: 1.5 });
    if (until !== "chunk") stages.push({ title: "probe", weight: 4 });
    probed = true;
  };
  for (const name of methods) {
    if (methodPlans[name].startsFrom !== undefined) probe();
    stages.push({ title: `train ${name}`, weight: cost(name) });
    if (until === "evaluate")
      stages.push({ title: `evaluate ${name}`, weight: name === "answer-only" ? 0.5 : 3 });
  }
  if (methods.includes("cwt-sbc") && until !== "train") probe();
  if (until === "evaluate") stages.push({ title: "report", weight: 0.1 });
  if (context.recipe.student.random !== undefined)
    stages.splice(1, 0, { title: "random student", weight: 0.2 });
  context.reporter.plan(stages);
}
