import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { cli } from "../cli/run-cli.ts";
import { type ScriptedEndpoint, startScripted } from "./scripted-endpoint.ts";
import { temporaryFolder, writeQuestions } from "./setting.ts";

let folder: string;
let endpoint: ScriptedEndpoint;
let questions: string;
let config: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  questions = await writeQuestions(folder, 12);
  endpoint = await startScripted({ delay: 0 });
  config = join(folder, "teacher.yaml");
  await writeFile(
    config,
    [
      "questions: { file: sums-12.jsonl, answerKind: number }",
      `endpoint: { url: "${endpoint.url}", model: scripted }`,
      "sampling: { samples: 3, maxTokens: 100 }",
      "price: { inputPerMillion: 1000, outputPerMillion: 2000 }",
      "",
    ].join("\n"),
  );
}, 60_000);
afterAll(async () => {
  await endpoint.close();
  await rm(folder, { recursive: true });
});

it("a dry run says calls, tokens and price, and asks nothing", async () => {
  const { code, stdout, stderr } = await cli(["teach", config, "--dry-run"]);
  expect(code, stderr).toBe(0);
  expect(stdout).toContain("calls     36, 0 of them answered before, 36 to ask");
  expect(stdout).toMatch(/^at most {3}[\d,]+ prompt tokens, 3,600 reply tokens, \d+\.\d{4} USD$/m);
  expect(endpoint.asked).toHaveLength(0);
});

it("options take the place of a file; the table and the paths are printed", async () => {
  const out = join(folder, "out");
  const argv = ["teach", "--questions", questions, "--answer-kind", "number", "--url", endpoint.url];
  const options = ["--model", "scripted", "--samples", "3", "--out", out];
  const { code, stdout, stderr } = await cli([...argv, ...options]);
  expect(code, stderr).toBe(0);
  expect(stdout).toBe(`${join(out, "rationales/sums-12.jsonl")}\n`);
  expect(stderr).toMatch(
    /^task +questions +with rationale +samples +kept +truncated +empty .* missing +words$/m,
  );
  expect(stderr).toMatch(/^sums-12 +12 /m);
  expect(endpoint.asked).toHaveLength(36);
  const page = await readFile(join(out, "teach.html"), "utf8");
  expect(stderr).toContain(`samples, kept and dropped: ${join(out, "teach.html")}`);
  expect(page).toContain('<th scope="row">sums-12</th><td>12</td>');

  const dropped = await readFile(join(out, "dropped/sums-12.jsonl"), "utf8");
  const first = JSON.parse(dropped.split("\n")[0]!) as { reason: string; id: string };
  const shown = await cli(["teach", "show", out, "--reason", first.reason, "--limit", "1"]);
  expect(shown.stdout).toContain(`sums-12 ${first.id}, sample`);
  expect((await cli(["teach", "show", out, "--json"])).stdout).toMatch(/"rationale":"I add/);
});

it("the budget ends it with 4, and everything is kept", async () => {
  const out = join(folder, "budget");
  const budget = ["--set", "budget.tokens=1000", "--json"];
  const { code, stdout, stderr } = await cli(["teach", config, "--out", out, ...budget]);
  expect(code).toBe(4);
  expect(stderr).toContain("the budget is reached");
  const result = JSON.parse(stdout) as { complete: boolean; tasks: { kept: number; missing: number }[] };
  expect(result.complete).toBe(false);
  expect(result.tasks[0]!.kept).toBeGreaterThan(0);
  expect(result.tasks[0]!.missing).toBeGreaterThan(0);
});

it.each([
  [["--set", "sampling.sample=3"], 'unknown key "sample"', 'Did you mean "sampling.samples"?'],
  [["--set", "budget.money=1", "--set", "price=null"], "a budget in money needs prices", "Give price"],
  [["--set", "limits.timeoutSeconds=600"], "not streamed", "endpoint.stream: true"],
  [["--set", "prompt.question=Hello"], "needs the placeholder {question}", ""],
  [["--url", "http://example.org/v1"], "in the clear", "--allow-http"],
  [[], "no folder is given", "--out"],
])("%j is refused with a remedy", async (words, message, remedy) => {
  const out = words.length === 0 ? [] : ["--out", join(folder, "refused")];
  const { code, stderr } = await cli(["teach", config, ...words, ...out]);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
  expect(stderr).toContain(remedy);
});

it("import writes what distill reads", async () => {
  const rows = join(folder, "alpaca.json");
  await writeFile(rows, JSON.stringify([{ instruction: "1 + 1?", output: "1 + 1 = 2.\nAnswer: 2" }]));
  const out = join(folder, "imported.jsonl");
  const { code, stdout, stderr } = await cli([
    "teach",
    "import",
    rows,
    "--answer-kind",
    "number",
    "--out",
    out,
  ]);
  expect(code, stderr).toBe(0);
  expect(stdout).toBe(`${out}\n`);
  expect(stderr).toContain("read as alpaca");
  expect(JSON.parse(await readFile(out, "utf8"))).toMatchObject({ question: "1 + 1?", answer: "2" });
});

it.each([
  ["the file itself", "mine.jsonl", ["--out", "mine.jsonl"]],
  ["a link to it", "mine.jsonl", ["--out", "link.jsonl"]],
  ["a file beside the output", "mine.dropped.jsonl", ["--out", "mine.jsonl"]],
  ["the list of what was dropped", "mine.jsonl", ["--out", "other.jsonl", "--dropped", "mine.jsonl"]],
])("import does not overwrite what it reads: %s", async (_, input, words) => {
  const place = await mkdtemp(join(folder, "own-"));
  const rows = join(place, input);
  const text = `${JSON.stringify({ instruction: "1 + 1?", output: "1 + 1 = 2.\nAnswer: 2" })}\n`;
  await writeFile(rows, text);
  await symlink(rows, join(place, "link.jsonl"));
  const before = await readdir(place);
  const out = words.map((word) => (word.startsWith("--") ? word : join(place, word)));
  const { code, stderr } = await cli(["teach", "import", rows, "--answer-kind", "number", ...out]);
  expect(code, stderr).toBe(2);
  expect(stderr).toContain("would overwrite");
  expect(stderr).toContain(`fix: Name another file with --out`);
  expect(await readFile(rows, "utf8")).toBe(text);
  expect(await readdir(place)).toEqual(before);
});
