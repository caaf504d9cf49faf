/**
 * What fits the student's context. Every form in which any method uses a rationale or a question is measured, whichever
 * methods the recipe lists: all of them learn from the same rationales, and one that is added later finds the same data.
 */
import type { StudentCapabilities } from "../../engine/engine.ts";
import { averageBoundaries } from "../../method/chunk/boundaries.ts";
import { checkLengths } from "../../method/items/batches.ts";
import { answerItem, fullItem, labelItem, rationaleItem, stageItems } from "../../method/items/build.ts";
import { encodeQuestion } from "../../method/items/encode.ts";
import { lineOf } from "../../rationale/problem-table.ts";
import type { Problem } from "../../tasks/problem.ts";
import { inputError } from "../../util/errors.ts";
import type { RunContext, RunData, RunStudent } from "../context.ts";
import { testFieldsOf } from "./data.ts";

/** The rationales that fit. @throws SkipthinkError (exit 2) for one that does not, unless `items.tooLong` drops them */
export async function fittingRationales(
  { recipe, reporter }: RunContext,
  data: RunData,
  encoded: RunStudent["encoded"],
  markers: RunStudent["markers"],
  contextLength: number,
): Promise<RunStudent["encoded"]> {
  const tooLong = new Map<string, number>();
  for (const one of encoded) {
    const items = [
      fullItem(one),
      answerItem(one, markers),
      labelItem(one, markers, 1),
      rationaleItem(one, markers, 1),
      ...stageItems(one, averageBoundaries(one.steps.length, recipe.chunk.count), markers),
    ];
    for (const { length } of checkLengths(items, contextLength)) {
      tooLong.set(one.rationaleId, Math.max(length, tooLong.get(one.rationaleId) ?? 0));
    }
  }
  if (tooLong.size === 0) return encoded;
  const [id, length] = [...tooLong][0]!;
  if (recipe.items.tooLong === "stop") {
    const rationale = data.train.find((one) => one.id === id)!;
    throw inputError(
      `rationale ${id} needs ${length} tokens, the student's context holds ${contextLength} (${tooLong.size} of ${encoded.length} rationales are too long)`,
      { ...(await placeOf(recipe, "train", rationale)), key: id },
      "Set items.tooLong=drop to leave them out, or take a student with a longer context.",
    );
  }
  reporter.note(
    `${tooLong.size} of ${encoded.length} rationales are longer than the context of ${contextLength} tokens and were left out`,
  );
  const kept = encoded.filter((one) => !tooLong.has(one.rationaleId));
  if (kept.length === 0) {
    throw inputError(
      "no rationale fits the student's context",
      { file: recipe.data?.train },
      "Take a student with a longer context.",
    );
  }
  return kept;
}

/**
 * The dev problems whose question fits. Test problems all have to: leaving some out would change what accuracy is measured on.
 * @throws SkipthinkError (exit 2) for a question that does not fit, on dev unless `items.tooLong` drops them
 */
export async function fittingDevProblems(
  { recipe, reporter }: RunContext,
  data: RunData,
  student: Pick<RunStudent, "tokenizer" | "markers"> & { capabilities: StudentCapabilities },
): Promise<Problem[]> {
  const { tokenizer, markers, capabilities } = student;
  const { contextLength } = capabilities;
  // The answer marker, or what step-by-step asks with.
  const prefix = Math.max(1, markers.label.length);
  const tokensOf = ({ question }: Problem): number =>
    encodeQuestion(tokenizer, question, capabilities).length + prefix;
  const isTooLong = (problem: Problem): boolean => tokensOf(problem) + 1 > contextLength;
  const refuse = async (problem: Problem, split: "dev" | "test", remedy: string): Promise<never> => {
    throw inputError(
      `the question of ${split} problem ${problem.id} needs ${tokensOf(problem)} tokens, the student's context holds ${contextLength}`,
      { ...(await placeOf(recipe, split, problem)), key: problem.id },
      remedy,
    );
  };
  const inTest = data.test.find(isTooLong);
  if (inTest !== undefined)
    await refuse(inTest, "test", "Take a student with a longer context, or shorten the question.");
  const inDev = data.dev.filter(isTooLong);
  if (inDev.length === 0) return data.dev;
  const kept = data.dev.filter((problem) => !isTooLong(problem));
  if (recipe.items.tooLong === "stop" || kept.length === 0) {
    await refuse(
      inDev[0]!,
      "dev",
      "Set items.tooLong=drop to leave such questions out of train and dev, or take a student with a longer context.",
    );
  }
  reporter.note(
    `${inDev.length} of ${data.dev.length} dev questions are longer than the context of ${contextLength} tokens and were left out`,
  );
  return kept;
}

/** File and line of a rationale, or of a question alone. */
async function placeOf(
  { data }: RunContext["recipe"],
  split: "train" | "dev" | "test",
  wanted: { question: string; text?: string },
): Promise<{ file?: string; line?: number }> {
  if (data === undefined) return {};
  const own = split === "train" ? undefined : data[split];
  const file = own ?? data.train;
  const fields = split === "test" && own !== undefined ? testFieldsOf(data) : data.fields;
  const line = await lineOf({ ...data, path: file, fields }, wanted);
  return { file, ...(line === undefined ? {} : { line }) };
}
