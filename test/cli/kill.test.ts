import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TrainingPosition } from "../../src/pipeline/checkpoint.ts";
import { buildCli, runBuilt } from "./built-cli.ts";
import { tinyRecipe } from "./run-cli.ts";

const methods = ["full", "cwt-sbc", "stt"];
const minutes = 60_000;

let folder: string;
let recipe: string;
let untouched: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-kill-"));
  recipe = join(folder, "tiny.yaml");
  untouched = join(folder, "untouched");
  await writeFile(
    recipe,
    // Forty dev problems make the work at the end of an epoch long enough to be hit.
    tinyRecipe(
      [
        `methods: [${methods.join(", ")}]`,
        "train:",
        "  budget: { unit: epochs, amount: 2 }",
        // Ends on a checkpoint, in the middle of the work that follows the last step.
        "  budgets: { stt: { unit: optimizerSteps, amount: 6 } }",
        "  checkpointEverySteps: 3",
        "  keepCheckpoints: 100",
      ],
      40,
    ),
  );
  await buildCli();
  const { code, stderr } = await runBuilt(["distill", recipe, "--out", untouched]);
  expect(code, stderr).toBe(0);
}, 5 * minutes);
afterAll(() => rm(folder, { recursive: true }));

/** Positions of the checkpoints that are whole. */
function positions(run: string, method: string): TrainingPosition[] {
  const checkpoints = join(run, "checkpoints", method);
  if (!existsSync(checkpoints)) return [];
  return readdirSync(checkpoints).flatMap((name) => {
    const file = join(checkpoints, name, "position.json");
    return existsSync(file) ? [JSON.parse(readFileSync(file, "utf8")) as TrainingPosition] : [];
  });
}

function metricLines(run: string, method: string): number {
  const file = join(run, "metrics", `${method}.jsonl`);
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").length - 1 : 0;
}

/** What must not depend on interruptions: weights, chunks, skips, texts and losses; times are left out. */
async function fingerprint(run: string): Promise<Record<string, string>> {
  const prints: Record<string, string> = {};
  const add = async (path: string): Promise<void> => {
    const bytes = await readFile(join(run, path));
    const content = path.endsWith(".jsonl") ? bytes.toString().replace(/,?"seconds":[\d.e-]+/g, "") : bytes;
    prints[path] = createHash("sha256").update(content).digest("hex");
  };
  await add("chunks.jsonl");
  await add("chunking/cwt-sbc.jsonl");
  await add("skips.jsonl");
  for (const method of methods) {
    await add(`students/${method}/model.safetensors`);
    await add(`metrics/${method}.jsonl`);
    await add(`eval/samples_${method}.jsonl`);
  }
  return prints;
}

/** The moments at which the run is killed, each seen from the files that it leaves. */
const moments: { name: string; when: (run: string) => boolean }[] = [
  {
    name: "in training, between two checkpoints",
    when: (run) => metricLines(run, "cwt-sbc") >= 7,
  },
  {
    name: "in the chunk search, which follows the checkpoint of the first epoch",
    when: (run) =>
      positions(run, "cwt-sbc").some(({ epoch, history }) => epoch === 1 && history.length === 0),
  },
  {
    name: "in probing",
    when: (run) => existsSync(join(run, "skips.partial.jsonl")),
  },
  {
    name: "in evaluation",
    when: (run) => existsSync(join(run, "eval", "samples_full.partial.jsonl")),
  },
  {
    name: "on the checkpoint of the last step, before the dev split is measured",
    when: (run) => positions(run, "stt").some(({ step, epoch }) => step === 6 && epoch === 1),
  },
];

describe("a killed run", () => {
  it.each(moments)(
    "$name goes on to the same result",
    async ({ name, when }) => {
      const run = join(folder, name.replaceAll(/\W+/g, "-"));
      const argv = ["distill", recipe, "--out", run];
      const killed = await runBuilt(argv, { when: () => when(run), signal: "SIGKILL" });
      expect(killed.signal, killed.stderr).toBe("SIGKILL");
      const resumed = await runBuilt([...argv, "--resume"]);
      expect(resumed.code, resumed.stderr).toBe(0);
      expect(await fingerprint(run)).toEqual(await fingerprint(untouched));
    },
    5 * minutes,
  );
});

describe("Ctrl-C", () => {
  it(
    "saves, ends with 130 and prints the command that goes on",
    async () => {
      const run = join(folder, "interrupted");
      const stopped = await runBuilt(["distill", recipe, "--out", run], {
        when: () => metricLines(run, "full") >= 2,
        signal: "SIGINT",
      });
      expect(stopped.code, stopped.stderr).toBe(130);
      expect(stopped.stdout).toBe("");
      const command = stopped.stderr.match(/Go on with: skipthink (.*)$/m)?.[1];
      expect(command).toBe(`distill ${recipe} --out ${run} --resume`);
      const resumed = await runBuilt(command!.split(" "));
      expect(resumed.code, resumed.stderr).toBe(0);
      expect(resumed.stderr).toMatch(/resumed at step \d of full/);
      expect(await fingerprint(run)).toEqual(await fingerprint(untouched));
    },
    5 * minutes,
  );

  it(
    "saves and ends with 130 also when it ends the reader of its messages (2>&1 | tee log)",
    async () => {
      const run = join(folder, "interrupted-tee");
      const stopped = await runBuilt(["distill", recipe, "--out", run], {
        when: () => metricLines(run, "full") >= 2,
        signal: "SIGINT",
        closesPipes: true,
      });
      expect(stopped).toMatchObject({ code: 130, signal: null });
      expect(positions(run, "full")).not.toEqual([]);
    },
    5 * minutes,
  );
});
