/** `skipthink export`: a student in a form that other runtimes read. */
import { type Command, Option } from "commander";
import { writeOnnxFolder } from "../../engine/onnx/export.ts";
import { loadModel } from "../../engine/onnx/load.ts";
import type { MethodName } from "../../method/baselines/plan.ts";
import { type CliIo, printJson } from "../io.ts";
import { methodOf, type OutputOptions } from "./options.ts";
import { studentArgument, studentFolder } from "./student-folder.ts";

interface ExportOptions extends OutputOptions {
  format: "onnx";
  out: string;
  method?: MethodName;
}

export function registerExport(program: Command, io: CliIo): void {
  program
    .command("export")
    .description("write a student as an ONNX model with a key-value cache (transformers.js, onnxruntime)")
    .argument("<student>", studentArgument)
    .requiredOption("--out <folder>", "folder to write: config and tokenizer, and onnx/model.onnx")
    .addOption(new Option("--format <format>", "what to write").choices(["onnx"]).default("onnx"))
    .option("--method <name>", "student of a run folder", methodOf)
    .option("--json", "print one JSON object on stdout")
    .option("--quiet", "print warnings and errors only")
    .addHelpText(
      "after",
      `
Example:
  $ skipthink export runs/demo-1 --method stt --out coin-student
  then in JavaScript: pipeline("text-generation", "./coin-student", { dtype: "fp32" })`,
    )
    .action(async (path: string, options: ExportOptions) => {
      const source = await studentFolder(path, options.method);
      const file = await writeOnnxFolder(options.out, source, await loadModel(source));
      if (options.json) printJson(io, { file, format: options.format, student: source });
      else if (!options.quiet) io.stdout.write(`wrote ${file}\n`);
    });
}
