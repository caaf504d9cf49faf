/** `skipthink teach import`: existing rationales (TRL, Alpaca, ShareGPT, named fields) into what `distill` reads. */
import { basename, extname } from "node:path";
import { type Command, Option } from "commander";
import { type AnswerKind, answerKinds } from "../../tasks/problem.ts";
import { type TableFormat, tableFormats } from "../../tasks/read/table.ts";
import { teachSchema } from "../../teacher/config.ts";
import { type ImportForm, importForms, importRationales } from "../../teacher/import.ts";
import { writeLines } from "../../teacher/output.ts";
import { type CliIo, printJson, reporterOf } from "../io.ts";
import { addOutputOptions, type OutputOptions } from "./options.ts";
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

export function registerTeachImport(teach: Command, io: CliIo): void {
  const command = teach
    .command("import")
    .description("bring existing rationales into the form that distill reads")
    .argument("<file>", "JSONL, JSON, CSV or Parquet")
    .requiredOption("--out <file>", "file to write (JSON lines)")
    .option("--dropped <file>", "also write what was dropped, with the reason")
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
    .option("--answer-marker <text>", "what opens the line with the answer", "Answer:")
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
      await writeLines(options.out, imported.kept);
      if (options.dropped !== undefined) await writeLines(options.dropped, imported.dropped);
      const reporter = reporterOf(io, options.quiet ?? false);
      reporter.table(statisticsColumns, statisticsRows([imported.statistics]));
      reporter.note(`read as ${imported.form}`);
      if (imported.ownAnswers) {
        reporter.note(
          "no gold answers: each rationale's own answer was taken, and the first one where several disagree",
        );
      }
      for (const [reason, count] of Object.entries(imported.skipped)) {
        reporter.warning(`${count} rows were left out: ${reason}`);
      }
      if (options.json) {
        const { form, skipped, statistics } = imported;
        printJson(io, { out: options.out, form, skipped, statistics });
      } else io.stdout.write(`${options.out}\n`);
    });
}
