/** Real data for tests, from a folder outside the repository (SKIPTHINK_SHARED, else ../shared); tests skip without it. */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

export const sharedFolder = resolve(
  process.env.SKIPTHINK_SHARED ?? resolve(import.meta.dirname, "../../../shared"),
  "data",
);

export function sharedPath(file: string): string | undefined {
  const path = resolve(sharedFolder, file);
  return existsSync(path) ? path : undefined;
}

export function readShared(file: string): Record<string, unknown>[] | undefined {
  const path = sharedPath(file);
  if (path === undefined) return undefined;
  const text = readFileSync(path, "utf8");
  if (!file.endsWith(".jsonl")) return JSON.parse(text);
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** Files with rationales, the field that holds them, and bounds on the mean number of steps. */
export const sharedRationaleFiles = [
  { file: "mentor-kd/tracking_shuffled_objects_3_train.json", field: "chain", meanSteps: [5, 12] },
  { file: "mentor-kd/last_letter_concatenation_3_train.json", field: "chain", meanSteps: [4, 8] },
  { file: "mentor-kd/date_understanding_3_train.json", field: "chain", meanSteps: [2, 6] },
  { file: "mentor-kd/svamp_3_train.json", field: "chain", meanSteps: [3, 8] },
  { file: "eit-nlp/gsm8k_llama_level2_ranked.json", field: "output", meanSteps: [3, 9] },
  { file: "gsm8k/train.jsonl", field: "answer", meanSteps: [3, 7] },
];
