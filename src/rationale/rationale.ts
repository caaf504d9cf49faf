/** Rationales as values and as a file: `rationales.jsonl`, one per line, steps stored and checked against the text. */
import { z } from "zod";
import { type Rationale, stepRoles } from "../tasks/problem.ts";
import { readTable } from "../tasks/read/table.ts";
import { writeFileAtomically, writeFully } from "../tensor/atomic-file.ts";
import { inputError } from "../util/errors.ts";
import { splitSteps } from "./split.ts";

/** A rationale of a text, its steps split unless they are given (a built-in task knows its own). */
export function makeRationale(
  fields: Omit<Rationale, "steps" | "roles" | "text"> &
    (
      | { text: string; steps?: undefined; roles?: undefined }
      | { text?: undefined; steps: string[]; roles?: Rationale["roles"] }
    ),
): Rationale {
  const { id, problemId, question, answer } = fields;
  const steps = fields.steps ?? splitSteps(fields.text);
  const text = fields.text ?? steps.join("");
  const { roles } = fields;
  if (roles !== undefined && roles.length !== steps.length)
    throw new RangeError(`rationale ${id} has ${steps.length} steps and ${roles.length} roles`);
  return { id, problemId, question, answer, text, steps, ...(roles === undefined ? {} : { roles }) };
}

const rationaleSchema = z
  .strictObject({
    id: z.string().min(1),
    problemId: z.string().min(1),
    question: z.string().min(1),
    answer: z.string().min(1),
    text: z.string().min(1),
    steps: z.array(z.string().regex(/\S/, "a step holds only white space")).min(1),
    roles: z.array(z.enum(stepRoles)).optional(),
  })
  .refine((value) => value.steps.join("") === value.text, {
    path: ["steps"],
    message: "the steps, joined, are not the text",
  })
  .refine((value) => value.roles === undefined || value.roles.length === value.steps.length, {
    path: ["roles"],
    message: "there is not one role per step",
  });

/**
 * Reads `rationales.jsonl`.
 * @throws input error with file, line and key for a line that is no rationale, whose steps do not join to its text, or
 *   whose id was used before
 */
export async function readRationales(path: string): Promise<Rationale[]> {
  const rationales: Rationale[] = [];
  const lineOfId = new Map<string, number>();
  for await (const { row, line } of readTable(path, "jsonl")) {
    const parsed = rationaleSchema.safeParse(row);
    if (!parsed.success) {
      const issue = parsed.error.issues[0]!;
      const key = issue.path.join(".");
      throw inputError(
        `the line is no rationale: ${key === "" ? "" : `${key}: `}${issue.message}`,
        { file: path, line, ...(key === "" ? {} : { key }) },
        "Make the file again from its source instead of editing it.",
      );
    }
    const { roles, ...fields } = parsed.data;
    const earlier = lineOfId.get(fields.id);
    if (earlier !== undefined)
      throw inputError(
        `the id was used before, on line ${earlier}`,
        { file: path, line, key: "id" },
        "Make the file again from its source instead of editing it.",
      );
    lineOfId.set(fields.id, line);
    rationales.push({ ...fields, ...(roles === undefined ? {} : { roles }) });
  }
  return rationales;
}

/** Writes `rationales.jsonl`: readers see the old file or the whole new one. @throws SkipthinkError as writeFileAtomically */
export async function writeRationales(path: string, rationales: Iterable<Rationale>): Promise<void> {
  await writeFileAtomically(path, async (file) => {
    for (const { id, problemId, question, answer, text, steps, roles } of rationales) {
      if (steps.join("") !== text)
        throw new RangeError(`the steps of rationale ${id} do not join to its text`);
      const line = JSON.stringify({ id, problemId, question, answer, text, steps, roles });
      await writeFully(file, Buffer.from(`${line}\n`));
    }
  });
}
