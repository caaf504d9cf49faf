/** What a long stage has done so far, one line per block, so that a killed run does one block again and not the stage. */
import { existsSync } from "node:fs";
import { appendText } from "../tensor/atomic-file.ts";
import { readFinishedJsonLines, writeJsonLines } from "./json-lines.ts";

export interface PartialResults<Block> {
  /** Blocks of an earlier try, in order. */
  blocks: Block[];
  append(block: Block): Promise<void>;
}

/**
 * Opens the file, or makes it. Its first line names the stage's inputs: blocks of other inputs are thrown away. The stage
 * deletes the file once its record is written.
 */
export async function openPartialResults<Block>(
  path: string,
  inputsHash: string,
): Promise<PartialResults<Block>> {
  const header = { inputs: inputsHash };
  const [first, ...found] = existsSync(path) ? await readFinishedJsonLines<Block | typeof header>(path) : [];
  const blocks = JSON.stringify(first) === JSON.stringify(header) ? (found as Block[]) : [];
  await writeJsonLines(path, [header, ...blocks]);
  return { blocks, append: (block) => appendText(path, `${JSON.stringify(block)}\n`) };
}

export type TimedBlock<Block> = Block & { seconds: number };

/**
 * Works through the items in blocks, from where an earlier try with the same inputs ended.
 * @param size items per block: what a killed run does again at most. Fixed, so that batches are the same after a resume
 * @param onDone called with the number of items done: at the start, and after each block is kept; it may throw to stop
 */
export async function inBlocks<Item, Block extends object>(
  partial: { path: string; inputsHash: string },
  items: readonly Item[],
  size: number,
  work: (items: readonly Item[]) => Promise<Block>,
  onDone: (done: number) => void,
): Promise<TimedBlock<Block>[]> {
  const { blocks, append } = await openPartialResults<TimedBlock<Block>>(partial.path, partial.inputsHash);
  const all = [...blocks];
  onDone(Math.min(all.length * size, items.length));
  for (let from = all.length * size; from < items.length; from += size) {
    const started = performance.now();
    const done = await work(items.slice(from, from + size));
    const block = { ...done, seconds: (performance.now() - started) / 1000 };
    await append(block);
    all.push(block);
    onDone(Math.min(from + size, items.length));
  }
  return all;
}
