import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cellProcesses } from "../../src/experiment/child.ts";
import { gridCells } from "../../src/experiment/grid.ts";
import { runCells } from "../../src/experiment/run-cells.ts";
import { experimentSchema } from "../../src/pipeline/config/experiment.ts";

let folder: string;
let recipe: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-child-"));
  recipe = join(folder, "recipe.yaml");
  await writeFile(recipe, "task: { train: 20, test: 4 }\nmethods: [full]\n");
});
afterEach(() => rm(folder, { recursive: true }));

/** Each process ends at once with a message: from the sources, the compiled command line is not beside this module. */
const failures = async () => {
  const outcome = await runCells(gridCells(experimentSchema.parse({ seeds: [1, 2] })), {
    recipe,
    folder: join(folder, "cells"),
    parallel: 2,
    start: cellProcesses(recipe, 1).start,
  });
  return outcome.failures.map(({ message }) => message);
};

it("starts no run after a stop was asked for", async () => {
  const { start, interrupt } = cellProcesses(recipe, 1);
  interrupt();
  const [cell] = gridCells(experimentSchema.parse({ seeds: [1] }));
  const end = await start({ cell: cell!, folder: join(folder, "cells/run-seed-1"), overrides: [] });
  expect(end.code).toBe(130);
  expect(existsSync(join(folder, "cells/run-seed-1.log"))).toBe(false);
});

describe("a log that cannot be written fails its run by name, and no other", () => {
  it("a folder of that name", async () => {
    await mkdir(join(folder, "cells/run-seed-1.log"), { recursive: true });
    const [first, second] = await failures();
    expect(first).toContain(join(folder, "cells/run-seed-1.log"));
    expect(second).not.toContain(".log");
    expect(await readFile(join(folder, "cells/run-seed-2.log"), "utf8")).not.toBe("");
  });

  it.skipIf(!existsSync("/dev/full"))("a full disk (skipped where there is no /dev/full)", async () => {
    await mkdir(join(folder, "cells"));
    await symlink("/dev/full", join(folder, "cells/run-seed-1.log"));
    const [first, second] = await failures();
    expect(first).toContain(join(folder, "cells/run-seed-1.log"));
    expect(first).toContain("ENOSPC");
    expect(second).not.toContain(".log");
  });
});
