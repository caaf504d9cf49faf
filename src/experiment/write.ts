/** Writes an experiment's outputs side by side: table.md, table.csv, results.json and experiment.html. */
import { join } from "node:path";
import { writeTextAtomically } from "../tensor/atomic-file.ts";
import type { ExperimentFigures } from "./figures.ts";
import { harnessResults } from "./harness.ts";
import { renderExperiment } from "./page.ts";
import { csvTable, markdownTable } from "./table.ts";

export interface ExperimentFiles {
  table: string;
  csv: string;
  results: string;
  page: string;
}

export async function writeExperiment(folder: string, figures: ExperimentFigures): Promise<ExperimentFiles> {
  const files = {
    table: join(folder, "table.md"),
    csv: join(folder, "table.csv"),
    results: join(folder, "results.json"),
    page: join(folder, "experiment.html"),
  };
  await writeTextAtomically(files.table, markdownTable(figures));
  await writeTextAtomically(files.csv, csvTable(figures));
  await writeTextAtomically(files.results, `${JSON.stringify(harnessResults(figures), null, 2)}\n`);
  await writeTextAtomically(files.page, renderExperiment(figures));
  return files;
}
