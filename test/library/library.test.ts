/** What `import … from "skipthink"` gives. */
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { distill, openServedStudent, SkipthinkError, splitSteps } from "../../src/index.ts";
import { tinyRecipe } from "../cli/run-cli.ts";

let folder: string;
let recipe: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-library-"));
  recipe = join(folder, "tiny.yaml");
  await writeFile(recipe, tinyRecipe(["methods: [full]", "train: { budget: { unit: epochs, amount: 1 } }"]));
});
afterAll(() => rm(folder, { recursive: true }));

it("distills, reports warnings, and opens the student", async () => {
  const warnings: string[] = [];
  const reporter = {
    plan: () => {},
    stage: () => {},
    stageSkipped: () => {},
    progress: () => {},
    note: () => {},
    warning: (text: string) => void warnings.push(text),
  };
  const out = join(folder, "run");
  const { methods, reportPath } = await distill(recipe, { out, set: ["seed=2"], reporter });
  expect(methods.full).toMatchObject({ problems: 8 });
  expect(reportPath).toBe(join(out, "report.html"));
  expect(warnings.join()).toContain("were cut off");
  const { student, tokenizer, questionPrompt } = await openServedStudent(join(out, "students", "full"));
  const [written] = await student.generate([{ prompt: questionPrompt("Heads?"), context: [] }], {
    maxNewTokens: 3,
    stopTokens: [tokenizer.endOfSequence],
  });
  expect(written!.tokens.length).toBeGreaterThan(0);
  await student.close();
  await expect(distill(recipe, { out })).rejects.toMatchObject({ exitCode: 2 });
});

it("stops when its signal is aborted, and goes on later", async () => {
  const out = join(folder, "aborted");
  const signal = AbortSignal.abort();
  const stopped = await distill(recipe, { out, signal }).catch((error: unknown) => error);
  expect(stopped).toBeInstanceOf(SkipthinkError);
  expect(stopped).toMatchObject({ exitCode: 130 });
  expect((await distill(recipe, { out, resume: true })).methods.full).toBeDefined();
});

it("splits steps", () => {
  expect(splitSteps("She has 2. She gets 3.")).toEqual(["She has 2. ", "She gets 3."]);
});

it("lies where package.json says, once it is built", async () => {
  const { default: built, types } = packageJson.exports["."];
  const source = built.replace(/^\.\/dist\//, "src/").replace(/\.js$/, ".ts");
  expect(existsSync(join(import.meta.dirname, "../..", source)), source).toBe(true);
  expect(types).toBe(built.replace(/\.js$/, ".d.ts"));
  expect([packageJson.main, packageJson.types]).toEqual([built, types].map((path) => path.slice(2)));
});
