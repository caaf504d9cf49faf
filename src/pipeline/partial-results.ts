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
