/** Measures one method's student on the test split; samples go to eval/samples_<method>.jsonl. */
import { join } from "node:path";
import { type Evaluation, evaluateStudent, type Sample } from "../../evaluate/evaluate.ts";
import type { MethodPlan } from "../../method/baselines/plan.ts";
import { type RunContext, type RunData, type RunStudent, stopIfAsked } from "../context.ts";
import { runStage } from "../run-folder.ts";

export interface Evaluated {
  result: Omit<Evaluation, "samples">;
  hash: string;
  samples: Sample[];
}

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
  const inputs = { student: trainedHash, evaluate: recipe.evaluate, data: data.hash };
  const file = `samples_${plan.name}.jsonl`;
  const { result, hash, cached } = await runStage<Evaluated["result"]>(
    folder,
    `evaluate-${plan.name}`,
    inputs,
    async () => {
      reporter.stage(title);
      const student = await engine.open(folder.student(plan.name), { threads: recipe.threads });
      try {
        reporter.progress({ done: 0, total: data.test.length, unit: "problem" });
        const { samples, ...figures } = await evaluateStudent(student, data.test, {
          ...evaluationOptions(context, data, base, plan),
          latencyProblems: recipe.evaluate.latencyProblems,
          onProgress: (done) => {
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
    join("eval", file),
  );
  if (cached) reporter.stageSkipped(title, "unchanged");
  return { result, hash, samples: await folder.readJsonLines<Sample>("eval", file) };
}
