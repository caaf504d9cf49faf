/** Runs whose files were deleted, or whose model has moved on at the hub, since they began. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type CliResult, cli, tinyRecipe } from "./run-cli.ts";

let folder: string;
let recipe: string;
let run: string;
const words = (...more: string[]) => ["distill", recipe, "--out", run, "--json", ...more];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-lost-"));
  recipe = join(folder, "tiny.yaml");
  run = join(folder, "run");
  await writeFile(
    recipe,
    tinyRecipe([
      "methods: [cwt-sbc]",
      "chunk: { warmUpEpochs: 0 }",
      "train: { budget: { unit: epochs, amount: 1 } }",
    ]),
  );
  expect((await cli(words())).code).toBe(0);
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

/** Figures that do not depend on the clock. */
function figures({ stdout }: CliResult): unknown[] {
  const { methods } = JSON.parse(stdout) as { methods: Record<string, Record<string, unknown>> };
  return Object.values(methods).map((one) => [one.accuracy, one.meanGeneratedTokens, one.trainedTokens]);
}

describe("a file that was deleted", () => {
  it.each(["chunks.jsonl", "skips.jsonl", "rationales.jsonl", "dev.jsonl", "students/base"])(
    "%s is made again",
    async (name) => {
      const before = figures(await cli(words("--resume")));
      await rm(join(run, name), { recursive: true });
      const again = await cli(words("--resume"));
      expect(again.code, again.stderr).toBe(0);
      expect(figures(again)).toEqual(before);
    },
  );

  it("a student is missed where it is needed, with the way to get it back, which works", async () => {
    const student = join(run, "students/cwt-sbc");
    const weights = await readFile(join(student, "model.safetensors"));
    await rm(student, { recursive: true });
    // What is done needs no student.
    expect((await cli(words("--resume"))).code).toBe(0);
    const more = words("--resume", "--set", "methods=[cwt-sbc, stt]");
    const refused = await cli(more);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("the student of cwt-sbc is not there any more");
    const record = join(run, "stages/train-cwt-sbc.json");
    expect(refused.stderr).toContain(`delete ${record}`);
    await rm(record);
    const again = await cli(more);
    expect(again.code, again.stderr).toBe(0);
    expect(await readFile(join(student, "model.safetensors"))).toEqual(weights);
  }, 120_000);
});

it("a run goes on with the commit of the hub that it began with", async () => {
  const storage = join(folder, "hub/models--team--tiny");
  const [first, second] = ["a".repeat(40), "b".repeat(40)];
  await mkdir(join(storage, "refs"), { recursive: true });
  for (const commit of [first, second])
    await cp(join(run, "students/base"), join(storage, "snapshots", commit), { recursive: true });
  await writeFile(join(storage, "snapshots", second, "generation_config.json"), "{}");
  vi.stubEnv("HF_HUB_CACHE", join(folder, "hub"));
  vi.stubEnv("HF_HUB_OFFLINE", "1");
  const out = join(folder, "of-hub");
  const model = ["--set", "student={model: hf:team/tiny}", "--set", "methods=[answer-only]"];
  const distill = (...more: string[]) => cli(["distill", recipe, "--out", out, "--json", ...model, ...more]);
  await writeFile(join(storage, "refs/main"), first);
  const begun = await distill();
  expect(begun.code, begun.stderr).toBe(0);
  const record = join(out, "stages/train-answer-only.json");
  const trained = await readFile(record, "utf8");
  await writeFile(join(storage, "refs/main"), second);
  expect((await distill("--resume")).code).toBe(0);
  expect(await readFile(record, "utf8")).toBe(trained);
});
