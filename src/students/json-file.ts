/** JSON files that come from outside: size-capped, and refused by name when they are not what was expected. */
import { open } from "node:fs/promises";
import type { z } from "zod";
import { inputError } from "../util/errors.ts";

/** Larger than any real tokenizer.json (about 35 MB for 256,000 tokens) or sharding index. */
const maxJsonBytes = 256 * 1024 * 1024;

/** For what is broken inside a file. */
const mendRemedy = "Correct that file, or download or save it again.";

/** Text of a file, or undefined where there is none. @throws SkipthinkError (exit 2) above the cap or when unreadable */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  return (await readBytesIfThere(path))?.toString("utf8");
}

/** As readTextIfThere, for files that hold no text. */
export async function readBytesIfThere(path: string): Promise<Buffer | undefined> {
  try {
    const handle = await open(path, "r");
    try {
      const { size } = await handle.stat();
      if (size > maxJsonBytes) {
        throw inputError(
          `${path} has ${size} bytes, more than such a file ever needs`,
          { file: path },
          mendRemedy,
        );
      }
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") return undefined;
    if (code === undefined) throw error;
    throw inputError(`cannot read ${path} (${code})`, { file: path }, "Check the path and its permissions.");
  }
}

/** A JSON file checked against a schema, or undefined where there is none. Errors name file and key (exit 2). */
export async function readJsonIfThere<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readTextIfThere(path);
  return text === undefined ? undefined : checkJson(parseJson(text, path), schema, path);
}

/** As readJsonIfThere, but the file must exist. */
export async function readJson<T>(path: string, schema: z.ZodType<T>, remedy: string): Promise<T> {
  const value = await readJsonIfThere(path, schema);
  if (value === undefined) throw inputError(`${path} does not exist`, { file: path }, remedy);
  return value;
}

export function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw inputError(
      `${path} is not valid JSON: ${(error as Error).message.slice(0, 200)}`,
      { file: path },
      mendRemedy,
    );
  }
}

export function checkJson<T>(value: unknown, schema: z.ZodType<T>, path: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const key = issue.path.join(".");
  throw inputError(
    `${path}: ${key === "" ? "" : `"${key}": `}${issue.message}`,
    key === "" ? { file: path } : { file: path, key },
    mendRemedy,
  );
}
