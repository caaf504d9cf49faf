import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { builtinBaseFolder } from "../../src/pipeline/stages/student.ts";
import { cli } from "./run-cli.ts";

it("measures the machine, and fails exactly when something needed is missing", async () => {
  const isThere = existsSync(join(builtinBaseFolder, "model.safetensors"));
  const { code, stdout, stderr } = await cli(["doctor", "--json"]);
  const found = JSON.parse(stdout) as Record<string, Record<string, number | string>>;
  expect(found).toMatchObject({
    healthy: isThere,
    node: { state: "ok", version: process.versions.node },
    onnxruntime: { state: "ok" },
    training: { state: "ok" },
    "base student": { state: isThere ? "ok" : "missing" },
  });
  expect(found.onnxruntime!.gflops).toBeGreaterThan(0);
  expect(found.training!.lossAfter).toBeLessThan(found.training!.lossBefore as number);
  expect(code).toBe(isThere ? 0 : 1);
  if (!isThere) expect(stderr).toContain("missing: base student");
});

it("prints one line per check", async () => {
  const { stdout } = await cli(["doctor"]);
  expect(stdout).toMatch(/^✓ onnxruntime +onnxruntime [\d.]+: \d+ GFLOP\/s/m);
  expect(stdout).toMatch(/^[✓!] memory +.* free of/m);
});
