/** The whole of a run in its folder: what `skipthink distill` and the library's `distill` share. */

import type { RunContext } from "./context.ts";
import { runPipeline } from "./run.ts";
import { type OpenRunOptions, openRunFolder, type RunFolder } from "./run-folder.ts";
import { type ReportSummary, reportStage } from "./stages/report.ts";

export interface DistillInto
  extends OpenRunOptions,
    Pick<RunContext, "engine" | "reporter" | "stopRequested"> {
  /** Called once the folder is this run's. */
  onOpen?: (folder: RunFolder) => void;
}

/**
 * Opens the folder, runs the recipe in it, writes the report and lets go of the folder.
 * @throws SkipthinkError as openRunFolder and the stages do; exit 130 where a stop was asked for
 */
export async function distillInto(path: string, run: DistillInto): Promise<ReportSummary> {
  const folder = await openRunFolder(path, run);
  try {
    run.onOpen?.(folder);
    const { recipe, engine, reporter, stopRequested } = run;
    const context: RunContext = { folder, recipe, engine, reporter, stopRequested };
    return await reportStage(context, await runPipeline(context), run.command);
  } finally {
    await folder.close();
  }
}
