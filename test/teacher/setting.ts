/** A folder with questions, and configurations that ask them quickly. */
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TeachConfig, teachSchema } from "../../src/teacher/config.ts";
import { question } from "./scripted-endpoint.ts";

export async function temporaryFolder(): Promise<string> {
  return await mkdtemp(join(tmpdir(), "skipthink-teach-"));
}

export async function writeQuestions(folder: string, count: number): Promise<string> {
  const path = join(folder, `sums-${count}.jsonl`);
  const lines = Array.from({ length: count }, (_, index) =>
    JSON.stringify({ id: `q${index}`, ...question(index) }),
  );
  await writeFile(path, `${lines.join("\n")}\n`);
  return path;
}

/** As a user would write it, short waits aside. */
export function settings(
  file: string,
  url: string,
  changes: Record<string, Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    ...changes,
    questions: [{ name: "sums", file, answerKind: "number", fields: { id: "id" }, ...changes.questions }],
    endpoint: { url, model: "scripted", ...changes.endpoint },
    limits: { backoffSeconds: 0.01, maxBackoffSeconds: 0.05, concurrency: 16, ...changes.limits },
  };
}

export function configOf(...parameters: Parameters<typeof settings>): TeachConfig {
  return teachSchema.parse(settings(...parameters));
}

/** The files that must not depend on faults and kills. */
export async function outputsOf(folder: string): Promise<Record<string, string>> {
  const files = ["rationales/sums.jsonl", "dropped/sums.jsonl", "statistics.json"];
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, await readFile(join(folder, file), "utf8")] as const)),
  );
}
