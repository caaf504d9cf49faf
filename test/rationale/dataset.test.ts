import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type DatasetSpec, loadDataset } from "../../src/rationale/dataset.ts";
import { normalizeQuestion } from "../../src/tasks/splits.ts";
import { readShared, sharedPath } from "./shared-data.ts";

const folder = mkdtempSync(join(tmpdir(), "skipthink-dataset-"));
afterAll(() => rmSync(folder, { recursive: true }));

function put(name: string, rows: object[]): string {
  const path = join(folder, name);
  writeFileSync(path, rows.map((row) => JSON.stringify(row)).join("\n"));
  return path;
}

const fields = { question: "q", rationale: "r", answer: "a" };
const base = { fields, answerKind: "number", seed: 1, onBadRow: "stop" } as const;
const row = (n: number, r = `It is ${n}. Done.`) => ({ q: `What is number ${n}?`, r, a: String(n) });
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => row(from + n));

describe("problems and splits", () => {
  test("several rows of one question are one problem with several rationales", async () => {
    const train = put("several.jsonl", [
      row(1),
      { ...row(1, "Second way."), q: "what is  number 1" },
      row(2),
      row(1, "Third."),
    ]);
    const data = await loadDataset({ ...base, train, testShare: 0, devShare: 0 });
    expect(data.train.map(({ id, problemId, text }) => [id, problemId, text])).toEqual([
      ["train-1/1", "train-1", "It is 1. Done."],
      ["train-1/2", "train-1", "Second way."],
      ["train-1/3", "train-1", "Third."],
      ["train-3/1", "train-3", "It is 2. Done."],
    ]);
    expect(data.train[0]!.steps).toEqual(["It is 1. ", "Done."]);
    expect(data.trainProblems.map(({ id }) => id)).toEqual(["train-1", "train-3"]);

    const capped = await loadDataset({
      ...base,
      train,
      testShare: 0,
      devShare: 0,
      maxRationalesPerProblem: 2,
    });
    expect(capped.train.length).toBe(3);
    expect(capped.notes.join()).toContain("1 rationales beyond the first 2");
  });

  test("dev and test are split off by problem, from the seed, without overlap", async () => {
    const rows = range(0, 50).flatMap((one) => [one, { ...one, r: "Again." }]);
    const train = put("whole.jsonl", rows);
    const data = await loadDataset({ ...base, train });
    expect([data.test.length, data.dev.length, data.trainProblems.length]).toEqual([10, 4, 36]);
    expect(data.train.length).toBe(72);
    const questions = [...data.test, ...data.dev, ...data.trainProblems].map(({ question }) => question);
    expect(new Set(questions).size).toBe(50);
    expect(await loadDataset({ ...base, train })).toEqual(data);
    expect((await loadDataset({ ...base, train, seed: 2 })).test).not.toEqual(data.test);
    const reversed = await loadDataset({ ...base, train: put("reversed.jsonl", rows.toReversed()) });
    expect(reversed.test.map(({ question }) => question).sort()).toEqual(
      data.test.map(({ question }) => question).sort(),
    );
  });

  test("questions of test leave train and dev; test rows need no rationale", async () => {
    const strip = ({ q, a }: { q: string; a: string }) => ({ problem: { text: q.toUpperCase() }, gold: a });
    const data = await loadDataset({
      ...base,
      train: put("train.jsonl", range(0, 20)),
      dev: put(
        "dev.jsonl",
        range(8, 14).map(({ q, a }) => ({ q, a })),
      ),
      test: put("test.jsonl", range(12, 24).map(strip)),
      testFields: { question: "problem.text", answer: "gold" },
    });
    expect([data.trainProblems.length, data.dev.length, data.test.length]).toEqual([8, 4, 12]);
    expect(data.notes).toEqual([
      "8 of 20 training problems were left out: their questions are also in test",
      "2 of 6 dev problems were left out: their questions are also in test",
      "4 of 12 training problems were left out: their questions are also in dev",
    ]);
  });

  test("limits choose by the seed; ids that repeat across files get a prefix", async () => {
    const withIds = (rows: object[]) => rows.map((one, index) => ({ ...one, id: index }));
    const data = await loadDataset({
      ...base,
      train: put("ids-train.jsonl", withIds(range(0, 20))),
      test: put("ids-test.jsonl", withIds(range(30, 50))),
      fields: { ...fields, id: "id" },
      devShare: 0,
      limitTrain: 15,
      limitTest: 5,
    });
    expect([data.trainProblems.length, data.dev.length, data.test.length]).toEqual([15, 0, 5]);
    const ids = [...data.trainProblems, ...data.test].map(({ id }) => id);
    expect(new Set(ids).size).toBe(20);
    expect(data.notes.join()).toContain('the prefix "test:"');
  });

  test("without a rationale field there are problems to teach", async () => {
    const data = await loadDataset({
      ...base,
      train: put("bare.jsonl", range(0, 10)),
      fields: { question: "q", answer: "a" },
    });
    expect(data.train).toEqual([]);
    expect(data.trainProblems.length).toBe(7);
  });

  test("a GSM8K solution gives answer and rationale from one field", async () => {
    const solution = "Add 40 and 32.\nThat is 72.\n#### 72";
    const heading = "#### 72 is the sum\nso 72\n#### 72";
    const train = put("gsm.jsonl", [
      { q: "one", r: solution, a: solution },
      { q: "two", r: heading, a: "72" },
      { q: "three", r: "#### Step 9\nIt is 5.", a: "5" },
    ]);
    const data = await loadDataset({ ...base, train, testShare: 0, devShare: 0 });
    expect(data.trainProblems[0]!.answer).toBe("72");
    expect(data.train.map(({ text }) => text)).toEqual([
      "Add 40 and 32.\nThat is 72.",
      "#### 72 is the sum\nso 72",
      "#### Step 9\nIt is 5.",
    ]);
    expect(data.notes.join()).toContain("cut from 2 rationales");
  });

  test("rationales that contain the answer marker are left out and told", async () => {
    const data = await loadDataset({
      ...base,
      train: put("marker.jsonl", [row(1, "a --> 1"), row(1), row(2)]),
      testShare: 0,
      devShare: 0,
    });
    expect(data.train.length).toBe(2);
    expect(data.notes.join()).toContain("line 1)");
  });
});

describe("bad rows", () => {
  const good = range(0, 5);
  test.each<[string, object, string, string]>([
    ["an empty rationale", { ...row(9), r: " \n" }, "rationale is empty", "rationale"],
    ["an unreadable gold answer", { ...row(9), a: "none" }, "cannot be read as number", "answer"],
    ["an empty question", { ...row(9), q: " " }, "question is empty", "question"],
    ["a missing field", { q: "x", r: "y" }, 'no field "a"', "a"],
    ["another answer to the same question", { ...row(3), a: "4" }, "another answer", "answer"],
  ])("%s stops, or is skipped and told", async (_name, bad, message, key) => {
    const train = put("bad.jsonl", [...good, bad, bad]);
    const error = await loadDataset({ ...base, train }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ exitCode: 2, place: { file: train, line: 6, key } });
    expect((error as Error).message).toContain(message);

    const data = await loadDataset({ ...base, train, testShare: 0, devShare: 0, onBadRow: "skip" });
    expect(data.train.length).toBe(5);
    expect(data.notes[0]).toMatch(/2 rows skipped: .* \(line 6, 7\)$/);
  });

  test("answers that differ in case are two answers, unless case does not count", async () => {
    const train = put("case.jsonl", [
      { ...row(1), a: "Paris" },
      { ...row(1, "Again."), a: "paris." },
      { ...row(2), a: "Rome" },
    ]);
    const spec = { ...base, answerKind: "text", train, testShare: 0, devShare: 0 } as const;
    await expect(loadDataset(spec)).rejects.toThrow("another answer");
    expect((await loadDataset({ ...spec, caseSensitive: false })).train.length).toBe(3);
  });

  test("nothing left is an error", async () => {
    const hopeless = put("hopeless.jsonl", [{ ...row(1), a: "none" }]);
    await expect(loadDataset({ ...base, train: hopeless, onBadRow: "skip" })).rejects.toThrow(
      "no row of the file",
    );
    const same = put("same.jsonl", good);
    await expect(loadDataset({ ...base, train: same, test: same })).rejects.toThrow(
      "no training problem is left",
    );
    await expect(loadDataset({ ...base, train: same, testShare: 1 })).rejects.toMatchObject({
      place: { key: "testShare" },
    });
  });
});

describe("real data", () => {
  const mapping = { question: "input", rationale: "chain", answer: "answer" };
  const cases: {
    name: string;
    spec: Omit<DatasetSpec, "seed" | "onBadRow">;
    rationales: number;
    problems: number;
    test: number;
  }[] = [
    { name: "tracking_shuffled_objects", rationales: 1536, problems: 512, test: 225 },
    { name: "last_letter_concatenation", rationales: 1050, problems: 350, test: 150 },
  ].map(({ name, ...counts }) => ({
    ...counts,
    name,
    spec: {
      train: `mentor-kd/${name}_3_train.json`,
      test: `mentor-kd/${name}_test.json`,
      fields: mapping,
      answerKind: name as DatasetSpec["answerKind"],
    },
  }));
  cases.push({
    name: "gsm8k",
    spec: {
      train: "gsm8k/train.jsonl",
      test: "gsm8k/test.jsonl",
      fields: { question: "question", rationale: "answer", answer: "answer" },
      answerKind: "gsm8k",
    },
    rationales: 7473,
    problems: 7473,
    test: 1319,
  });

  for (const { name, spec, rationales, problems, test: tests } of cases) {
    const train = sharedPath(spec.train);
    test.skipIf(train === undefined)(
      train === undefined ? `${name} skipped: no shared data folder` : name,
      async () => {
        const data = await loadDataset({
          ...spec,
          train: train!,
          test: sharedPath(spec.test!)!,
          devShare: 0,
          seed: 1,
          onBadRow: "stop",
        });
        expect([data.train.length, data.trainProblems.length, data.test.length]).toEqual([
          rationales,
          problems,
          tests,
        ]);
        for (const rationale of data.train) expect(rationale.steps.join("")).toBe(rationale.text);
        const testKeys = new Set(data.test.map(({ question }) => normalizeQuestion(question)));
        expect(data.trainProblems.some(({ question }) => testKeys.has(normalizeQuestion(question)))).toBe(
          false,
        );
        if (name !== "gsm8k") {
          // The teacher's text comes through byte for byte.
          const chains = new Set(readShared(spec.train)!.map((one) => one.chain));
          expect(data.train.every(({ text }) => chains.has(text))).toBe(true);
        }
      },
    );
  }
});
