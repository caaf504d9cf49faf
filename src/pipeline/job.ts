/**
 * One method's training as a job folder for `torchrun -m skipthink_torch`. What comes before it (for skip-thinking: the
 * chunk-wise student, its chunks and skips) is run or found done; then the training is planned to its end and written down.
 */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JobWriter, jobEngine, type WrittenJob } from "../engine/torch/job-writer.ts";
import { methodPlans } from "../method/baselines/methods.ts";
import type { MethodName } from "../method/baselines/plan.ts";
import type { RunContext } from "./context.ts";
import type { TrainMetrics } from "./metrics.ts";
import { runPipeline, upstreamOf } from "./run.ts";
import { RunFolder } from "./run-folder.ts";
import { trainStage } from "./stages/train.ts";

/**
 * @param folder job folder, new or empty
 * @throws SkipthinkError for a method whose plan depends on the student on its way: chunk search between epochs
 */
export async function writeTrainingJob(
  context: RunContext,
  method: MethodName,
  folder: string,
): Promise<WrittenJob> {
  const plan = methodPlans[method];
  const before = plan.startsFrom === undefined ? [] : [plan.startsFrom];
  const outcome = await runPipeline(context, { methods: before, until: "probe" });
  const upstream = await upstreamOf(context, outcome, plan);
  const { recipe } = context;
  // The planning leaves its traces in a folder of its own: the run has not been trained by it.
  const scratch = new RunFolder(await mkdtemp(join(tmpdir(), "skipthink-job-")));
  try {
    const probe = await context.engine.open(upstream.model, { threads: recipe.threads });
    const capabilities = probe.capabilities();
    await probe.close();
    const writer = new JobWriter(folder, {
      compute: recipe.torch,
      checkpointEverySteps: recipe.train.checkpointEverySteps,
      keepCheckpoints: recipe.train.keepCheckpoints,
      threads: recipe.threads,
    });
    const planning: RunContext = {
      ...context,
      folder: scratch,
      // A job has no one to ask its student questions, so it ends with the last epoch's.
      recipe: {
        ...recipe,
        train: { ...recipe.train, select: "last" },
        evaluate: { ...recipe.evaluate, testEveryEpoch: false },
      },
      engine: jobEngine(writer, capabilities),
      reporter: {
        ...context.reporter,
        // Nothing is trained, so there is no loss and no speed to tell.
        progress: ({ done, total }) => context.reporter.progress({ done, total }),
      },
    };
    await trainStage(planning, outcome.data, outcome.base, plan, upstream);
    const lines = await scratch.readJsonLines<TrainMetrics>("metrics", `${method}.jsonl`);
    // Tokenizer and skipthink.json wait for the weights. job.json comes last, so a folder that has one is whole.
    await cp(scratch.student(method), join(folder, "student"), { recursive: true });
    return await writer.finish(lines.map(({ epoch, stage }) => ({ epoch, stage: stageNumber(stage) })));
  } finally {
    await rm(scratch.path, { recursive: true, force: true });
  }
}

function stageNumber(stage: string): number {
  return stage === "answer" ? -1 : stage === "mixed" ? 0 : Number(stage);
}
