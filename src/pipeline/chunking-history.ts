/**
 * chunking/<method>.jsonl: what each search while a student is trained found, one line per rationale (docs/method.md §3), and nothing of a
 * search that the checkpoint in use does not know.
 */
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { ChunkedRationale } from "../method/chunk/chunk.ts";
import { appendText } from "../tensor/atomic-file.ts";
import { readFinishedJsonLines, writeJsonLines } from "./json-lines.ts";

export interface ChunkingLine extends ChunkedRationale {
  /** 0-based epoch that began with the search. */
  epoch: number;
}

export async function appendChunking(
  path: string,
  epoch: number,
  found: readonly ChunkedRationale[],
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await appendText(path, found.map((one) => `${JSON.stringify({ epoch, ...one })}\n`).join(""));
}

/** Drops the lines of searches after `epoch`, the last one that counts: they are made again. */
export async function rewindChunking(path: string, epoch: number | undefined): Promise<void> {
  if (!existsSync(path)) return;
  if (epoch === undefined) return await rm(path);
  const lines = await readFinishedJsonLines<ChunkingLine>(path);
  await writeJsonLines(
    path,
    lines.filter((line) => line.epoch <= epoch),
  );
}
