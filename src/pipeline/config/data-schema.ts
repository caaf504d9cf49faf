/** The sections `task:` and `data:` of a recipe: a built-in generator, or files of the user with the names of their fields. */
import { z } from "zod";
import { builtinTaskNames } from "../../tasks/builtin/index.ts";
import { answerKinds } from "../../tasks/problem.ts";
import { count, filePath, share } from "./values.ts";

const fieldName = () => z.string().min(1).max(200);

export const taskSchema = z
  .strictObject({
    builtin: z
      .enum(builtinTaskNames)
      .default("tracking_shuffled_objects")
      .describe("Name of the built-in problem generator."),
    train: count(1, 1_000_000).default(400).describe("Training problems to generate."),
    dev: count(0, 100_000).default(50).describe("Development problems: the epoch is chosen on them."),
    test: count(1, 100_000).default(200).describe("Test problems; never used to choose anything."),
    wordiness: z
      .number()
      .min(0)
      .max(0.8)
      .default(0.5)
      .describe(
        "Share of a rationale's words that neither reason nor answer: restatements, checks, summaries.",
      ),
    difficulty: count(1, 3)
      .default(1)
      .describe("How many moves or operations a question has: 1 few, 3 many."),
    rationalesPerProblem: count(1, 16).default(1).describe("Teacher rationales per training problem."),
  })
  .describe("Problems and rationales from a built-in generator.");

const fieldsSchema = z
  .strictObject({
    question: fieldName().default("question").describe("Field that holds the question."),
    rationale: fieldName().default("rationale").describe("Field that holds the teacher's rationale."),
    answer: fieldName().default("answer").describe("Field that holds the gold answer."),
    id: fieldName().optional().describe("Field that holds the problem's id; without it, the row's position."),
  })
  .prefault({})
  .describe("Names of the fields in the training and development rows.");

const testFieldsSchema = z
  .strictObject({
    question: fieldName().optional().describe("Field of the question in the test rows."),
    rationale: fieldName().optional().describe("Field of the rationale in the test rows (not needed)."),
    answer: fieldName().optional().describe("Field of the gold answer in the test rows."),
    id: fieldName().optional().describe("Field of the id in the test rows."),
  })
  .prefault({})
  .describe("Field names of the test rows where they differ from `fields`.");

const publishedSchema = z.strictObject({
  method: z.string().min(1).max(200).describe("Method, as the source calls it."),
  model: z.string().min(1).max(200).describe("Model and size."),
  accuracy: share().describe("Accuracy as a share: 0.387 for 38.7 %."),
  source: z.string().min(1).max(500).describe("Where the figure was published."),
});

export const dataSchema = z
  .strictObject({
    train: filePath().describe("Training file: one rationale per row."),
    dev: filePath().optional().describe("Development file; without it, a share of the training problems."),
    test: filePath().optional().describe("Test file; without it, a share of the training problems."),
    format: z
      .enum(["jsonl", "json", "csv", "parquet"])
      .optional()
      .describe("File format; without it, the ending of each file's name decides."),
    fields: fieldsSchema,
    testFields: testFieldsSchema,
    answerKind: z
      .enum(answerKinds)
      .default("text")
      .describe("How an answer is read from the student's text and compared with gold."),
    caseSensitive: z
      .boolean()
      .default(true)
      .describe("Compare text answers with upper and lower case apart."),
    devShare: z
      .number()
      .min(0)
      .max(0.5)
      .default(0.1)
      .describe("Share of the training problems held out for development, where there is no dev file."),
    testShare: z
      .number()
      .min(0.01)
      .max(0.5)
      .default(0.2)
      .describe("Share of the problems held out for the test, where there is no test file."),
    maxRationalesPerProblem: count(1, 1000)
      .optional()
      .describe("Rationales kept per problem, first ones first; without it, all."),
    limitTrain: count(1, 100_000_000).optional().describe("Training problems used at most; without it, all."),
    limitTest: count(1, 100_000_000).optional().describe("Test problems used at most; without it, all."),
    onBadRow: z
      .enum(["stop", "skip"])
      .default("stop")
      .describe("What to do with a row that lacks a field or cannot be read; skipped rows are counted."),
    chance: share().optional().describe("Accuracy of guessing, drawn in the report as a line."),
    published: z
      .array(publishedSchema)
      .max(50)
      .default([])
      .describe("Published figures on the same data, shown in the report beside the run's own."),
  })
  .superRefine((data, context) => {
    const heldOut =
      (data.dev === undefined ? data.devShare : 0) + (data.test === undefined ? data.testShare : 0);
    if (heldOut > 0.9) {
      context.addIssue({
        code: "custom",
        path: ["devShare"],
        message: "devShare and testShare together hold out more than 90 % of the problems",
      });
    }
  })
  .describe("Problems and rationales from the user's files.");
