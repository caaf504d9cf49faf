import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LoadOptions, loadRecipe } from "../../src/pipeline/config/load.ts";
import { SkipthinkError } from "../../src/util/errors.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-recipe-"));
});
afterAll(() => rm(folder, { recursive: true }));

let files = 0;
async function load(text: string, overrides: string[] = [], options: LoadOptions = {}) {
  const path = join(folder, `recipe-${files++}.yaml`);
  await writeFile(path, text);
  return loadRecipe(path, overrides, { environment: {}, workingFolder: "/working", ...options });
}

async function failure(loading: Promise<unknown>): Promise<SkipthinkError> {
  const error = await loading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SkipthinkError);
  expect((error as SkipthinkError).exitCode).toBe(2);
  return error as SkipthinkError;
}

describe("loadRecipe: refusals", () => {
  it("names the file, the line, the key and the nearest known key", async () => {
    const error = await failure(load("task: {}\ntrain:\n  itemsPerBatch: 4\n  learningrate: 0.1\n"));
    expect(error.message).toBe('unknown key "learningrate"');
    expect(error.place).toEqual({
      file: expect.stringMatching(/recipe-\d+\.yaml$/),
      line: 4,
      key: "train.learningrate",
    });
    expect(error.remedy).toBe('Did you mean "train.learningRate"?');
  });

  it("finds a key that belongs elsewhere, and lists the keys where nothing is near", async () => {
    expect((await failure(load("task: {}\nlearningRate: 0.1\n"))).remedy).toBe(
      'Did you mean "train.learningRate"?',
    );
    expect((await failure(load("task: {}\nreport: { zebra: 1 }\n"))).remedy).toBe(
      "Take it out. Keys of report: rationales, problems, tensorboard.",
    );
  });

  it("says of a key at the wrong depth where it stands, and of every further key what was meant", async () => {
    const { message, remedy } = await failure(load("task: { name: coin_flip }\nmethodz: [full]\nsede: 3\n"));
    expect(remedy).toMatch(/^"name" stands at the recipe's top\. Keys of task: builtin, train, /);
    expect(message).toBe(
      'unknown key "name"\nalso methodz: unknown key "methodz"; did you mean "methods"?\nalso sede: unknown key "sede"; did you mean "seed"?',
    );
  });

  it("knows the methods as keys and as values", async () => {
    const asKey = await failure(load("task: {}\ntrain:\n  learningRates:\n    cwt-sbq: 0.1\n"));
    expect(asKey.remedy).toBe('Did you mean "train.learningRates.cwt-sbc"?');
    expect(asKey.place.line).toBe(4);
    const asValue = await failure(load("task: {}\nmethods:\n  - full\n  - sst\n"));
    expect(asValue.message).toMatch(/^"sst" is none of answer-only, full,/);
    expect(asValue.remedy).toBe('Did you mean "stt"?');
    expect(asValue.place).toMatchObject({ line: 4, key: "methods.1" });
  });

  it("says how to choose between what excludes each other, and which built-in task was meant", async () => {
    const both = await failure(load("task: {}\n", ["data.train=x"]));
    expect(both.remedy).toBe("Take one of them out; on the command line: task=null or data=null.");
    const task = await failure(load("task:\n  builtin: tracking_shuffeld_objects\n"));
    expect(task.remedy).toBe('Did you mean "tracking_shuffled_objects"?');
    expect(task.place.line).toBe(2);
  });

  it("reports the first problem in file order and names the others", async () => {
    const error = await failure(load("task: { tran: 3 }\nseed: -1\nchunk: { count: many }\n"));
    expect(error.place).toMatchObject({ line: 1, key: "task.tran" });
    expect(error.message.split("\n")).toEqual([
      'unknown key "tran"',
      expect.stringMatching(/^also seed: /),
      "also chunk.count: expected number, received string",
    ]);
    const range = await failure(load("task: {}\ntrain: { learningRate: 2 }\n"));
    expect(range.message).toContain("<=1");
    expect(range).toMatchObject({
      place: { line: 2, key: "train.learningRate" },
      remedy: "Correct the value, or take the key out so that its default holds.",
    });
  });

  it("reports broken YAML with its line, and an empty file as a recipe without task", async () => {
    expect((await failure(load("task: {}\nchunk: [1\nseed: 3\n"))).place.line).toBeGreaterThan(1);
    expect((await failure(load("seed: 1\nseed: 2\n"))).message).toMatch(/^not valid YAML: .*unique/);
    expect((await failure(load("task: *nowhere\n"))).message).toMatch(/alias/i);
    expect((await failure(load(""))).message).toBe("neither task nor data is given");
    expect((await failure(load("- a\n"))).message).toBe("a recipe is a mapping of keys to values");
  });

  it("says which recipe was meant, and that a file is missing", async () => {
    expect((await failure(loadRecipe("trackin"))).remedy).toMatch(
      /^Did you mean "tracking"\? Recipes: demo, /,
    );
    expect((await failure(loadRecipe("./none.yaml"))).message).toBe("no such recipe file");
  });
});

describe("loadRecipe: overrides", () => {
  it("takes YAML values, in order, over the file", async () => {
    const { recipe } = await load("task: {}\ntrain: { budget: { unit: optimizerSteps, amount: 9 } }\n", [
      "train.budget.amount=3",
      "train.budget.amount=4",
      "train.learningRate=1e-3",
      "methods=[full, stt]",
      "train.learningRates.cwt-sbc=2e-4",
      "name=a = b",
    ]);
    expect(recipe.train.budget).toEqual({ unit: "optimizerSteps", amount: 4 });
    expect(recipe.train.learningRate).toBe(0.001);
    expect(recipe.methods).toEqual(["full", "cwt-sbc", "stt"]);
    expect(recipe.train.learningRates).toEqual({ "cwt-sbc": 2e-4 });
    expect(recipe.name).toBe("a = b");
  });

  it("takes a key out with null, so that task can give way to data", async () => {
    const { recipe } = await load("task: {}\nseed: 7\n", ["task=null", "data.train=x.jsonl", "seed=null"]);
    expect(recipe.task).toBeUndefined();
    expect(recipe.seed).toBe(1);
    expect(recipe.data?.train).toBe("/working/x.jsonl");
  });

  it("blames the command line for what it set", async () => {
    const error = await failure(load("task: {}\ntrain:\n  learningRate: 0.1\n", ["train.learningRate=fast"]));
    expect(error.place).toEqual({ file: "command line", line: undefined, key: "train.learningRate" });
    expect((await failure(load("task: {}\n", ["seeed=3"]))).remedy).toBe('Did you mean "seed"?');
    const around = await failure(load("task: {}\ntrain:\n  learningRate: 0.1\n", ["train.budge.amount=3"]));
    expect(around).toMatchObject({
      place: { file: "command line", line: undefined, key: "train.budge" },
      remedy: 'Did you mean "train.budget"?',
    });
  });

  it.each(["seed", "=3", "a..b=1", "__proto__.polluted=1", "name=[", "seed.x=1"])(
    "refuses %s",
    async (text) => {
      const error = await failure(load("task: {}\nseed: 1\n", [text]));
      expect(error.place.file).toBe("command line");
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    },
  );
});

describe("loadRecipe: paths", () => {
  const recipeText = `data: { train: '\${DATA:-../d}/train.jsonl', test: test.jsonl }\nstudent: { model: my-model }\n`;

  it("start from the recipe's folder; builtin names and models of the hub stay", async () => {
    const { recipe } = await load(recipeText);
    expect(recipe.data?.train).toBe(join(folder, "../d/train.jsonl"));
    expect(recipe.data?.test).toBe(join(folder, "test.jsonl"));
    expect(recipe.student.model).toBe(join(folder, "my-model"));
    expect((await load("task: {}\n")).recipe.student.model).toBe("builtin:base");
    const hub = await load("task: {}\nstudent: { model: hf:owner/name@main }\n");
    expect(hub.recipe.student.model).toBe("hf:owner/name@main");
  });

  it("have variables filled in; an empty one takes the default", async () => {
    const loaded = await load(recipeText, [], { environment: { DATA: "/data" } });
    expect(loaded.recipe.data?.train).toBe("/data/train.jsonl");
    const empty = await load(recipeText, [], { environment: { DATA: "" } });
    expect(empty.recipe.data?.train).toBe(join(folder, "../d/train.jsonl"));
  });

  it("start from the working folder where they come from the command line", async () => {
    const { recipe } = await load(recipeText, ["data={train: here.jsonl}", "student.model=/models/a"]);
    expect(recipe.data?.train).toBe("/working/here.jsonl");
    expect(recipe.student.model).toBe("/models/a");
  });

  it("refuse an unset variable, and variables anywhere else", async () => {
    const unset = await failure(load(`data: { train: '\${NOWHERE}/a.jsonl' }\n`));
    expect(unset.message).toBe("environment variable NOWHERE is not set");
    expect(unset.place.key).toBe("data.train");
    const elsewhere = await failure(load(`name: \${HOME}\ntask: {}\n`, [], { environment: { HOME: "/h" } }));
    expect(elsewhere.place.key).toBe("name");
  });

  it("in axes of the experiment are paths of the recipe; other overrides stay as they are", async () => {
    const { recipe } = await load(
      `${recipeText}experiment:
  axes:
    task:
      own:
        - data.train=\${DATA:-../d}/own.jsonl
        - data.test=/tests/own.jsonl
        - student.model=builtin:base
        - chunk.count=5
      whole: ['data={train: "\${DATA:-../d}/a: #1.jsonl", test: b.jsonl, devShare: 0.2}', data.dev=null]
`,
      [],
      { environment: { DATA: "/data" } },
    );
    expect(recipe.experiment?.axes.task).toEqual({
      own: [
        'data.train="/data/own.jsonl"',
        "data.test=/tests/own.jsonl",
        "student.model=builtin:base",
        "chunk.count=5",
      ],
      whole: [
        `data={"train":"/data/a: #1.jsonl","test":${JSON.stringify(join(folder, "b.jsonl"))},"devShare":0.2}`,
        "data.dev=null",
      ],
    });
    const cell = await load(recipeText, recipe.experiment!.axes.task!.whole);
    expect(cell.recipe.data?.train).toBe("/data/a: #1.jsonl");
    expect(cell.recipe.data?.test).toBe(join(folder, "b.jsonl"));
  });

  it("in axes of the command line start from the working folder", async () => {
    const set = "experiment.axes.task={here: [data.train=here.jsonl]}";
    const { recipe } = await load(recipeText, [set]);
    expect(recipe.experiment?.axes.task).toEqual({ here: ['data.train="/working/here.jsonl"'] });
  });

  it("in axes are refused with their place where something is wrong", async () => {
    const axis = (override: string) =>
      load(`task: {}\nexperiment: { axes: { a: { b: ['${override}'] } } }\n`);
    const place = { file: expect.stringMatching(/recipe-\d+\.yaml$/), key: "experiment.axes.a.b.0" };
    const unset = await failure(axis(`data.train=\${NOWHERE}/a.jsonl`));
    expect(unset).toMatchObject({ message: "environment variable NOWHERE is not set", place });
    const elsewhere = await failure(axis(`name=\${HOME}`));
    expect(elsewhere).toMatchObject({ message: expect.stringMatching(/only where a path/), place });
    const beside = await failure(axis(`data={train: a.jsonl, format: "\${HOME}"}`));
    expect(beside).toMatchObject({ message: expect.stringMatching(/only where a path/), place });
    // A brace ends a value inside braces unless it stands in quotes.
    const unquoted = await failure(axis(`data={train: \${DATA:-d}/a.jsonl}`));
    expect(unquoted).toMatchObject({ place: { file: place.file, key: "data" } });
    expect(unquoted.remedy).toBe("Put the value in quotes.");
  });

  it("come back the same from the resolved text", async () => {
    const first = await load(recipeText, ["methods=[stt]", "experiment.axes.a={b: [data.train=c.jsonl]}"]);
    const second = await load(first.resolvedYaml, [], { workingFolder: "/elsewhere" });
    expect(second.recipe).toEqual(first.recipe);
    expect(second.resolvedYaml).toBe(first.resolvedYaml);
  });
});
