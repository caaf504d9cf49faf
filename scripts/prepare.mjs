// Builds dist/ after `npm ci`, so that `npx skipthink` is there; without development dependencies there is nothing to build with.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";

const compiler = resolve(import.meta.dirname, "../node_modules/typescript/bin/tsc");
if (existsSync(compiler)) {
  const { status } = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], {
    stdio: "inherit",
  });
  process.exitCode = status ?? 1;
}
