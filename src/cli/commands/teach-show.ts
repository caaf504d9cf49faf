/** `skipthink teach show`: kept and dropped samples of an answer folder, or of an import, to look at. */
import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { type Command, Option } from "commander";
import { readTable } from "../../tasks/read/table.ts";
import { dropReasons } from "../../teacher/filter.ts";
import { importFiles } from "../../teacher/output.ts";
import { inputError } from "../../util/errors.ts";
import { type CliIo, printJson } from "../io.ts";
import { stripControlCharacters, toOneLine } from "../terminal/sanitize.ts";
import { wholeNumber } from "./options.ts";

interface ShowOptions {
  reason?: string;
  task?: string;
  limit: number;
  json?: boolean;
}

export function registerTeachShow(teach: Command, io: CliIo): void {
  teach
    .command("show")
    .description("look at samples that were kept or dropped")
    .argument("<folder>", "folder that teach has written, or file that import has")
    .addOption(
      new Option("--reason <reason>", "samples dropped for it (default: kept ones)").choices(dropReasons),
    )
    .option("--task <name>", "of this task only")
    .option("--limit <number>", "samples shown per task", wholeNumber(1, 1_000_000), 3)
    .option("--json", "print one JSON object on stdout")
    .addHelpText("after", "\nExample:\n  $ skipthink teach show teacher/qwen --reason wrong --limit 10")
    .action(async (folder: string, options: ShowOptions) => {
      const shown: Record<string, unknown>[] = [];
      for (const { task, path } of await sampleFiles(folder, options.reason !== undefined)) {
        if (options.task !== undefined && options.task !== task) continue;
        for (const row of await firstRows(path, options)) shown.push({ task, ...row });
      }
      if (options.json) printJson(io, { samples: shown });
      else for (const row of shown) io.stdout.write(`${describe(row)}\n\n`);
      if (shown.length === 0) io.stderr.write("there are no such samples\n");
    });
}

async function sampleFiles(place: string, dropped: boolean): Promise<{ task: string; path: string }[]> {
  const part = join(place, dropped ? "dropped" : "rationales");
  if (existsSync(part)) {
    const names = (await readdir(part)).filter((name) => name.endsWith(".jsonl")).sort();
    return names.map((name) => ({ task: basename(name, ".jsonl"), path: join(part, name) }));
  }
  const found = await stat(place).catch(() => undefined);
  const files = importFiles(place);
  if (found?.isFile() && existsSync(files.dropped)) {
    return [{ task: files.task, path: dropped ? files.dropped : files.rationales }];
  }
  throw inputError(
    "no rationales of a teacher are there",
    { file: place },
    "Give what was --out of skipthink teach or of skipthink teach import.",
  );
}

async function firstRows(path: string, { reason, limit }: ShowOptions): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  try {
    for await (const { row } of readTable(path, "jsonl")) {
      if (reason === undefined || row.reason === reason) rows.push(row);
      if (rows.length >= limit) break;
    }
  } catch (error) {
    // A task of which nothing was kept has an empty file.
    if (!(error instanceof Error) || !error.message.includes("holds no rows")) throw error;
  }
  return rows;
}

function describe(row: Record<string, unknown>): string {
  const read = row.predicted === undefined ? "none could be read" : toOneLine(String(row.predicted));
  return [
    `${toOneLine(`${row.task} ${row.id}`)}, sample ${Number(row.sample)}${row.reason === undefined ? "" : `: ${row.reason}`}`,
    `question  ${toOneLine(String(row.question))}`,
    `gold      ${toOneLine(String(row.answer))}`,
    `answer    ${read}`,
    stripControlCharacters(String(row.reason === undefined ? row.rationale : row.text)),
  ].join("\n");
}
