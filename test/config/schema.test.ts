import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { withPrerequisites } from "../../src/pipeline/config/methods.ts";
import { recipeSchema, recipeSchemaJson } from "../../src/pipeline/config/schema.ts";

type JsonSchema = {
  description?: string;
  default?: unknown;
  properties?: Record<string, JsonSchema>;
  required?: string[];
};

function leaves(schema: JsonSchema, prefix = ""): [string, JsonSchema, boolean][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, below]) => {
    const required = schema.required?.includes(name) ?? false;
    return [
      [prefix + name, below, required] as [string, JsonSchema, boolean],
      ...leaves(below, `${prefix}${name}.`),
    ];
  });
}

const issuesOf = (input: unknown): string[] => {
  const result = recipeSchema.safeParse(input);
  return result.success
    ? []
    : result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
};

describe("recipe schema", () => {
  it("fills in every default of the shortest recipe", () => {
    expect(recipeSchema.parse({ task: {} })).toMatchObject({
      name: "skipthink",
      task: { builtin: "tracking_shuffled_objects", train: 400, dev: 50, test: 200, rationalesPerProblem: 1 },
      student: { model: "builtin:base" },
      methods: ["answer-only", "full", "step-by-step", "icot", "cwt-ac", "cwt-sbc", "stt", "stt-random"],
      chunk: { count: 4, search: "exact", context: "shared", sharedMarker: "answer", maxSweeps: 20 },
      items: { stageWeight: 1, answerWeight: 1, schedule: "shuffled", sttItems: "answer", tooLong: "stop" },
      probe: { decision: "cumulative", verdict: "forced", onWrong: "keep", maxNllRise: 0.25 },
      train: {
        budget: { unit: "epochs", amount: 5 },
        budgets: {},
        learningRate: 3e-4,
        schedule: "constant",
        itemsPerBatch: 8,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        select: "best",
      },
      evaluate: { maxNewTokens: 256, batchSize: 32, latencyProblems: 20, testEveryEpoch: false },
      report: { rationales: 40, problems: 60 },
      seed: 1,
      threads: 0,
    });
  });

  it.each([
    [{ task: {} }],
    [{ data: { train: "a.jsonl" } }],
    [{ task: {}, student: { random: { layers: 2 } }, train: { budgets: { stt: { amount: 2 } } } }],
  ])("reads its own output back unchanged: %j", (input) => {
    const once = recipeSchema.parse(input);
    expect(recipeSchema.parse(parse(stringify(once)))).toEqual(once);
  });

  it("describes every value, and only data.train and published figures have no default", () => {
    const all = leaves(recipeSchemaJson() as JsonSchema);
    expect(all.length).toBeGreaterThan(80);
    expect(all.filter(([, { description }]) => !description).map(([key]) => key)).toEqual([]);
    expect(all.filter(([, , required]) => required).map(([key]) => key)).toEqual(["data.train"]);
  });

  it("wants exactly one of task and data, and of model and random", () => {
    expect(issuesOf({})).toEqual([": neither task nor data is given"]);
    expect(issuesOf({ task: {}, data: { train: "a" } })).toEqual([": give either task or data, not both"]);
    expect(issuesOf({ task: {}, student: { model: "x", random: {} } })).toEqual([
      "student: give either model or random, not both",
    ]);
    expect(issuesOf({ task: {}, student: { model: null } })).toEqual([
      "student.model: model is null and there is no random",
    ]);
    expect(recipeSchema.parse({ task: {}, student: { random: {} } }).student).toMatchObject({
      model: null,
      random: { layers: 4, width: 256 },
    });
  });

  it.each([
    [{ task: { train: 0 } }, "task.train"],
    [{ task: { test: 1.5 } }, "task.test"],
    [{ task: {}, train: { learningRate: 0 } }, "train.learningRate"],
    [{ task: {}, train: { learningRate: Number.NaN } }, "train.learningRate"],
    [{ task: {}, train: { budget: { unit: "trainedTokens" } } }, "train.budget.amount"],
    [{ task: {}, student: { random: { width: 100, heads: 3 } } }, "student.random.width"],
    [{ task: { dev: 0 } }, "train.select"],
    [{ data: { train: "a", devShare: 0 } }, "train.select"],
    [{ data: { train: "a", devShare: 0.5, testShare: 0.5 } }, "data.devShare"],
    [
      { data: { train: "a", published: [{ method: "m", model: "g", accuracy: 38.7, source: "s" }] } },
      "data.published.0.accuracy",
    ],
    [{ task: {}, methods: [] }, "methods"],
  ])("keeps values in bounds: %j", (input, key) => {
    const issues = issuesOf(input);
    expect(issues.length).toBeGreaterThan(0);
    expect(issues[0]?.split(":")[0]).toBe(key);
  });

  it("adds the methods that the wanted ones start from, in training order", () => {
    expect(withPrerequisites(["stt", "full"])).toEqual(["full", "cwt-sbc", "stt"]);
    expect(withPrerequisites(["stt-random", "stt-random"])).toEqual(["cwt-sbc", "stt-random"]);
    expect(recipeSchema.parse({ task: {}, methods: ["stt"] }).methods).toEqual(["cwt-sbc", "stt"]);
  });
});
