/**
 * The main path of `skipthink inspect` (docs/method.md §7): core tokens, their share of loss and gradient per optimizer step, the
 * sharpness of both minima, and where accuracy is lost. Each part opens the student it needs and closes it again.
 */
import type { InspectableStudent, OpenOptions, TokenSequence } from "../engine/engine.ts";
import { methodPlans } from "../method/baselines/methods.ts";
import { inferencePrompt, type MethodName } from "../method/baselines/plan.ts";
import { averageBoundaries } from "../method/chunk/boundaries.ts";
import type { EncodedRationale } from "../method/items/encode.ts";
import { randomSkips } from "../method/probe/random-skips.ts";
import { skipTruth } from "../method/probe/skip-truth.ts";
import type { ProbedRationale } from "../method/probe/types.ts";
import { type RunContext, stopIfAsked } from "../pipeline/context.ts";
import type { RunOutcome } from "../pipeline/run.ts";
import type { Rationale } from "../tasks/problem.ts";
import { inputError } from "../util/errors.ts";
import { RandomStream } from "../util/random.ts";
import { coreFigures } from "./core-figures.ts";
import { sampleByStage, stepGradient } from "./core-gradient.ts";
import { type CoreMarks, markCoreTokens } from "./core-tokens.ts";
import type { InspectData } from "./data.ts";
import { coreExample } from "./examples.ts";
import { lossShares } from "./loss-share.ts";
import { lostAnswers } from "./lost-answers.ts";
import { type MarkedRationale, markedBatches } from "./marked-batches.ts";
import type { InspectSettings } from "./settings.ts";
import { measureSharpness } from "./sharpness.ts";

/** Opens a student that lets itself be looked into. */
export type OpenInspectable = (folder: string, options: OpenOptions) => Promise<InspectableStudent>;

/** What the parts share. */
interface Inspection {
  context: RunContext;
  outcome: RunOutcome;
  settings: InspectSettings;
  open: OpenInspectable;
  /** The drawn rationales, in drawn order. */
  drawn: EncodedRationale[];
  rationales: ReadonlyMap<string, Rationale>;
}

/** Students that write the rationale before the answer, best suited first: `full` knows nothing of chunks or skips. */
const markingMethods: readonly MethodName[] = ["full", "cwt-sbc", "cwt-ac", "stt", "stt-random"];

/**
 * @param outcome a run whose methods are trained and evaluated
 * @throws SkipthinkError (exit 2) where no student of the run writes rationales
 */
export async function inspectRun(
  context: RunContext,
  outcome: RunOutcome,
  settings: InspectSettings,
  open: OpenInspectable,
): Promise<InspectData> {
  const { data, base } = outcome;
  const inspection: Inspection = {
    context,
    outcome,
    settings,
    open,
    drawn: new RandomStream(settings.seed, "inspect/rationales")
      .shuffle(base.encoded)
      .slice(0, settings.rationales),
    rationales: new Map(data.train.map((rationale) => [rationale.id, rationale])),
  };
  const core = await timed(() => coreTokens(inspection));
  const steps = await timed(() => optimizerSteps(inspection, core.result.marks));
  const sharpness = await timed(() => minima(inspection));
  const skips = skipFigures(inspection);
  return {
    format: 1,
    run: context.folder.path,
    title: context.recipe.name,
    task: data.taskName,
    settings,
    student: { name: context.recipe.student.model ?? "random weights", ...core.result.student },
    core: core.result.figures,
    steps: steps.result,
    sharpness: sharpness.result,
    lost: lostPairs(inspection),
    ...(skips === undefined ? {} : { skips }),
    seconds: { core: core.seconds, steps: steps.seconds, sharpness: sharpness.seconds },
  };
}

async function coreTokens(inspection: Inspection): Promise<{
  marks: CoreMarks[];
  figures: InspectData["core"];
  student: { family: string; parameters: number };
}> {
  const { context, outcome, settings, drawn, rationales } = inspection;
  const { base, trained } = outcome;
  const markedBy = markingMethods.find((name) => trained.has(name));
  if (markedBy === undefined)
    throw inputError(
      "no student of the run writes a rationale before its answer",
      { file: context.folder.path, key: "methods" },
      `Train one of these in the run: ${markingMethods.join(", ")}.`,
    );
  context.reporter.stage("core tokens");
  return await withStudent(inspection, context.folder.trainedStudent(markedBy), async (student) => {
    const before = student.counters().scoredTokens;
    const prompted = drawn.map((encoded) => ({
      encoded,
      prompt: inferencePrompt(methodPlans[markedBy], encoded.question, base.markers),
    }));
    const marks = await markCoreTokens(student, prompted, {
      delta: settings.delta,
      view: settings.view,
      maxScoredTokens: settings.maxScoredTokens,
      seed: settings.seed,
      onProgress: (done) => {
        context.reporter.progress({ done, total: drawn.length, unit: "rationale" });
        stopIfAsked(context, "while looking for core tokens");
      },
    });
    const encodedOf = new Map(drawn.map((encoded) => [encoded.rationaleId, encoded]));
    const examples = marks
      .filter(({ complete }) => complete)
      .slice(0, settings.examples)
      .map((one) =>
        coreExample(
          rationales.get(one.rationaleId)!,
          encodedOf.get(one.rationaleId)!.steps,
          one,
          base.tokenizer,
        ),
      );
    const { family, parameters } = student.capabilities();
    const figures = {
      ...coreFigures(
        marks,
        (id) => encodedOf.get(id)!,
        (id) => rationales.get(id)?.roles,
      ),
      markedBy,
      scoredTokens: student.counters().scoredTokens - before,
      examples,
    };
    return { marks, figures, student: { family, parameters } };
  });
}

/** Loss and gradient of core tokens per step of `full` and of chunk-wise training, from the weights that both start from. */
async function optimizerSteps(
  inspection: Inspection,
  marks: readonly CoreMarks[],
): Promise<InspectData["steps"]> {
  const { context, outcome, settings, drawn } = inspection;
  const { recipe, reporter } = context;
  const { base } = outcome;
  reporter.stage("loss and gradient of core tokens");
  const chunkwise = chunkwiseMethod(outcome);
  const boundaries = outcome.trained.get(chunkwise)?.result.boundaries;
  const encodedOf = new Map(drawn.map((encoded) => [encoded.rationaleId, encoded]));
  const complete = marks
    .filter((one) => one.complete)
    .map((one): MarkedRationale => {
      const encoded = encodedOf.get(one.rationaleId)!;
      return {
        encoded,
        boundaries:
          boundaries?.[one.rationaleId] ?? averageBoundaries(encoded.steps.length, recipe.chunk.count),
        marks: one,
      };
    });
  const { itemsPerBatch, tokensPerBatch } = recipe.train;
  const methods = (["full", chunkwise] as const).map((method) => ({
    method,
    batches: markedBatches(
      methodPlans[method],
      complete,
      { markers: base.markers, ...recipe.items },
      { seed: settings.seed, itemsPerBatch, tokensPerBatch, schedule: recipe.items.schedule },
    ),
  }));
  const total = methods.length * (1 + settings.gradientSteps);
  let done = 0;
  const advance = (): void => {
    done += 1;
    reporter.progress({ done, total, unit: "measurement" });
    stopIfAsked(context, "while measuring optimizer steps");
  };
  return await withStudent(inspection, base.base, async (student) => {
    const results: InspectData["steps"] = [];
    for (const { method, batches } of methods) {
      const shares = await lossShares(student, batches);
      advance();
      const gradients = [];
      for (const batch of sampleByStage(batches, settings.gradientSteps)) {
        gradients.push(await stepGradient(student, batch));
        advance();
      }
      results.push({ method, shares, gradients });
    }
    return results;
  });
}

/** The chunk-wise method of the run; the paper's own where it has none, whose items then hold average chunks. */
function chunkwiseMethod({ trained }: RunOutcome): "cwt-sbc" | "cwt-ac" {
  return trained.has("cwt-ac") && !trained.has("cwt-sbc") ? "cwt-ac" : "cwt-sbc";
}

async function minima(inspection: Inspection): Promise<InspectData["sharpness"]> {
  const { context, outcome, settings, drawn } = inspection;
  context.reporter.stage("sharpness");
  const methods = (["full", chunkwiseMethod(outcome)] as const).filter((name) => outcome.trained.has(name));
  const sample = withinTokens(drawn, settings.sharpness.sampleTokens);
  const results: InspectData["sharpness"] = [];
  for (const [index, method] of methods.entries()) {
    // The same targets for both; each student is asked as it was trained to be asked.
    const sequences = sample.map(
      (encoded): TokenSequence => ({
        prompt: inferencePrompt(methodPlans[method], encoded.question, outcome.base.markers),
        context: [],
        target: [...encoded.steps.flat(), ...encoded.arrow, ...encoded.answer],
      }),
    );
    const measured = await withStudent(inspection, context.folder.trainedStudent(method), (student) =>
      measureSharpness(student, sequences, settings.sharpness, settings.seed, (done, total) => {
        context.reporter.progress({
          done: index * total + done,
          total: methods.length * total,
          unit: "measurement",
        });
        stopIfAsked(context, "while measuring sharpness");
      }),
    );
    const targetTokens = sequences.reduce((sum, { target }) => sum + target.length, 0);
    results.push({ method, sequences: sequences.length, targetTokens, ...measured });
  }
  return results;
}

/** The first rationales whose tokens, questions included, stay within the bound; at least one. */
function withinTokens(drawn: readonly EncodedRationale[], most: number): EncodedRationale[] {
  let used = 0;
  const end = drawn.findIndex(({ question, steps }, i) => {
    used += question.length + steps.flat().length;
    return i > 0 && used > most;
  });
  return drawn.slice(0, end < 0 ? drawn.length : end);
}

function lostPairs({ outcome, settings }: Inspection): InspectData["lost"] {
  // From the whole rationale to the shortened one, to none.
  const order: MethodName[] = ["full", chunkwiseMethod(outcome), "stt", "answer-only"];
  const present = order.filter((name) => outcome.evaluated.has(name));
  const students = present.map((name) => ({ name, samples: outcome.evaluated.get(name)!.samples }));
  return students.flatMap((from, i) =>
    students.slice(i + 1).map((to) => lostAnswers(from, to, { examples: settings.examples })),
  );
}

function skipFigures({ context, outcome, rationales }: Inspection): InspectData["skips"] {
  const against = (skips: readonly ProbedRationale[]) =>
    skips.flatMap(({ rationaleId, keptSteps }) => {
      const roles = rationales.get(rationaleId)?.roles;
      return roles === undefined ? [] : [{ roles, keptSteps }];
    });
  const skips = outcome.probed?.skips ?? [];
  const probed = against(skips);
  if (probed.length === 0) return undefined;
  const random = skips.map((one) => randomSkips(one, context.recipe.seed));
  return { probed: skipTruth(probed), random: skipTruth(against(random)) };
}

async function withStudent<T>(
  { context, outcome, open }: Inspection,
  folder: string,
  work: (student: InspectableStudent) => Promise<T>,
): Promise<T> {
  const { recipe } = context;
  const student = await open(folder, {
    threads: recipe.threads,
    vocabularySize: outcome.base.tokenizer.vocabularySize,
    seed: recipe.seed,
  });
  try {
    return await work(student);
  } finally {
    await student.close();
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; seconds: number }> {
  const started = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - started) / 1000 };
}
