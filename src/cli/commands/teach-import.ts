/** `skipthink teach import`: existing rationales (TRL, Alpaca, ShareGPT, named fields) into what `distill` reads. */
import { basename, extname } from "node:path";
import { type Command, Option } from "commander";
import { renderTeacherPage } from "../../report/teacher-page.ts";
import { type AnswerKind, answerKinds } from "../../tasks/problem.ts";
import { type TableFormat, tableFormats } from "../../tasks/read/table.ts";
import { teachSchema } from "../../teacher/config.ts";
import { type ImportForm, importForms, importRationales } from "../../teacher/import.ts";
import { importFiles, writeImport, writeLines } from "../../teacher/output.ts";
import { readImportRecord } from "../../teacher/record.ts";
import { writeTextAtomically } from "../../tensor/atomic-file.ts";
import { type CliIo, printJson, reporterOf } from "../io.ts";
import { commandLine } from "./command-line.ts";
import { addOutputOptions, type OutputOptions } from "./options.ts";
import { refuseOwnInput } from "./own-input.ts";
import { statisticsColumns, statisticsRows } from "./teach-table.ts";

interface ImportCommandOptions extends OutputOptions {
  out: string;
  dropped?: string;
  form?: ImportForm;
  format?: TableFormat;
  answerKind: AnswerKind;
  answer?: string;
  question?: string;
  rationale?: string;
  answerMarker: string;
  keep: "right" | "any";
}

const defaultMarker = "Answer:";

export function registerTeachImport(teach: Command, io: CliIo): void {
  const command = teach
    .command("import")
    .description("bring existing rationales into the form that distill reads")
    .argument("<file>", "JSONL, JSON, CSV or Parquet")
    .requiredOption(
      "--out <file>",
      "file to write (JSON lines); what was dropped, the statistics and a page stand beside it",
    )
    .option("--dropped <file>", "write what was dropped, with the reason, to this file too")
    .addOption(new Option("--form <form>", "default: told from the first row").choices(importForms))
    .addOption(new Option("--format <format>", "default: the file's ending").choices(tableFormats))
    .addOption(
      new Option("--answer-kind <kind>", "how answers are read and compared")
        .choices(answerKinds)
        .default("text"),
    )
    .option("--answer <field>", "field of the gold answer (default: the answer each rationale ends in)")
    .option("--question <field>", "field of the question (form fields)")
    .option("--rationale <field>", "field of the rationale (form fields)")
    .option("--answer-marker <text>", "what opens the line with the answer", defaultMarker)
    .addOption(new Option("--keep <which>", "rationales kept").choices(["right", "any"]).default("right"));
  addOutputOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ skipthink teach import sharegpt.json --answer-kind choice --out rationales.jsonl
  $ skipthink teach import rows.csv --question Q --rationale Chain --answer Gold --answer-kind number --out r.jsonl`,
    )
    .action(async (file: string, options: ImportCommandOptions) => {
      const files = importFiles(options.out);
      await refuseOwnInput(
        [file],
        [
          files.rationales,
          files.dropped,
          files.statistics,
          files.page,
          ...(options.dropped === undefined ? [] : [options.dropped]),
        ],
        "Name another file with --out, and with --dropped where it is given.",
      );
      const filter = teachSchema.shape.filter.parse({ answers: options.keep });
      const imported = await importRationales({
        path: file,
        format: options.format,
        form: options.form,
        name: basename(file, extname(file)),
        answerKind: options.answerKind,
        caseSensitive: true,
        answer: options.answer,
        question: options.question,
        rationale: options.rationale,
        answerMarker: options.answerMarker,
        filter,
      });
      const { origin, statistics } = imported;
      await writeImport(files, imported, origin);
      if (options.dropped !== undefined) await writeLines(options.dropped, imported.dropped);
      const reporter = reporterOf(io, options.quiet ?? false);
      reporter.table(statisticsColumns, statisticsRows([statistics]));
      const record = await readImportRecord(options.out, statistics, origin);
      await writeTextAtomically(files.page, renderTeacherPage(record, commandLine(words(file, options))));
      reporter.note(`samples, kept and dropped: ${files.page}`);
      reporter.note(`read as ${origin.form}`);
      if (origin.ownAnswers) {
        reporter.note(
          "no gold answers: each rationale's own answer was taken, and the first one where several disagree",
        );
      }
      for (const [reason, count] of Object.entries(origin.skipped)) {
        reporter.warning(`${count} rows were left out: ${reason}`);
      }
      if (options.json) {
        const { form, skipped } = origin;
        printJson(io, { out: options.out, page: files.page, form, skipped, statistics });
      } else io.stdout.write(`${options.out}\n`);
    });
}

function words(file: string, options: ImportCommandOptions): string[] {
  const pair = (name: string, value: string | undefined): string[] =>
    value === undefined ? [] : [name, value];
  return [
    "teach",
    "import",
    file,
    ...pair("--form", options.form),
    ...pair("--format", options.format),
    ...pair("--answer-kind", options.answerKind),
    ...pair("--answer", options.answer),
    ...pair("--question", options.question),
    ...pair("--rationale", options.rationale),
    ...(options.answerMarker === defaultMarker ? [] : ["--answer-marker", options.answerMarker]),
    ...(options.keep === "right" ? [] : ["--keep", options.keep]),
    ...pair("--dropped", options.dropped),
    "--out",
    options.out,
  ];
}
