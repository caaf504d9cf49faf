/** Measures one method's student on the test split; samples go to eval/samples_<method>.jsonl. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import {
  type EvaluatedBlock,
  type Evaluation,
  evaluateStudent,
  type Sample,
} from "../../evaluate/evaluate.ts";
import type { MethodPlan } from "../../method/baselines/plan.ts";
import { type RunContext, type RunData, type RunStudent, stopIfAsked } from "../context.ts";
import { openPartialResults } from "../partial-results.ts";
import { runStage } from "../run-folder.ts";

export interface Evaluated {
  result: Omit<Evaluation, "samples">;
  hash: string;
  samples: Sample[];
}

/** Share of texts cut off that needs no warning. */
const mayBeUnfinished = 0.05;

/** How a method's student is asked and judged, on any split. */
export function evaluationOptions(
  { recipe }: Pick<RunContext, "recipe">,
  { answerKind, caseSensitive }: RunData,
  { tokenizer, markers }: RunStudent,
  { usesMarkers, prefix }: MethodPlan,
) {
  const { maxNewTokens, batchSize } = recipe.evaluate;
  return { tokenizer, markers, usesMarkers, prefix, answerKind, caseSensitive, maxNewTokens, batchSize };
}

export async function evaluateStage(
  context: RunContext,
  data: RunData,
  base: RunStudent,
  plan: MethodPlan,
  trainedHash: string,
): Promise<Evaluated> {
  const { folder, recipe, reporter, engine } = context;
  const title = `evaluate ${plan.name}`;
  // Samples say since format 2 whether they were cut off.
  const inputs = { student: trainedHash, evaluate: recipe.evaluate, data: data.hash, format: 2 };
  const file = `samples_${plan.name}.jsonl`;
  const partialFile = folder.file("eval", `samples_${plan.name}.partial.jsonl`);
  const { result, hash, cached } = await runStage<Evaluated["result"]>(
    folder,
    `evaluate-${plan.name}`,
    inputs,
    async (inputsHash) => {
      reporter.stage(title);
      const partial = await openPartialResults<EvaluatedBlock>(partialFile, inputsHash);
      const earlier = partial.blocks.flatMap(({ samples }) => samples).length;
      if (earlier > 0) reporter.note(`resumed after ${earlier} problems`);
      const student = await engine.open(folder.trainedStudent(plan.name), { threads: recipe.threads });
      try {
        reporter.progress({ done: earlier, total: data.test.length, unit: "problem" });
        const { samples, ...figures } = await evaluateStudent(student, data.test, {
          ...evaluationOptions(context, data, base, plan),
          latencyProblems: recipe.evaluate.latencyProblems,
          earlier: partial.blocks,
          onBlock: async (block, done) => {
            await partial.append(block);
            reporter.progress({ done, total: data.test.length, unit: "problem" });
            stopIfAsked(context, `while evaluating ${plan.name}`);
          },
        });
        await folder.writeJsonLines(samples, "eval", file);
        await folder.writeJson(
          { method: plan.name, problems: samples.length, ...figures },
          "eval",
          `results_${plan.name}.json`,
        );
        return figures;
      } finally {
        await student.close();
      }
    },
    [join("eval", file)],
  );
  await rm(partialFile, { force: true });
  if (cached) reporter.stageSkipped(title, "unchanged");
  else if (result.unfinished > mayBeUnfinished) {
    reporter.warning(
      `${(100 * result.unfinished).toFixed(0)} % of the texts of ${plan.name} were cut off at ${recipe.evaluate.maxNewTokens} new tokens ` +
        `or at the end of the context of ${base.contextLength}, most of them before an answer: raise evaluate.maxNewTokens, ` +
        "or train longer if it goes round in circles.",
    );
  }
  return { result, hash, samples: await folder.readJsonLines<Sample>("eval", file) };
}
