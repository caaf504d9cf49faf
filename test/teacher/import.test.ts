import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { teachSchema } from "../../src/teacher/config.ts";
import { type ImportOptions, importRationales } from "../../src/teacher/import.ts";
import { sharedPath } from "../rationale/shared-data.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-import-"));
});
afterAll(() => rm(folder, { recursive: true }));

const filter = teachSchema.shape.filter.parse({});
async function imported(rows: unknown[], options: Partial<ImportOptions> = {}) {
  const path = join(folder, "rows.json");
  await writeFile(path, JSON.stringify(rows));
  return await importRationales({
    path,
    name: "rows",
    answerKind: "number",
    caseSensitive: true,
    answerMarker: "Answer:",
    filter,
    ...options,
  });
}

const question = "Tom has 3 apples and buys 5. How many?";
const text = "3 + 5 = 8.\nAnswer: 8";

describe("the form of", () => {
  const messages = (who: string, what: string, user: string, assistant: string) => [
    { [who]: "system", [what]: "Be brief." },
    { [who]: user, [what]: question },
    { [who]: assistant, [what]: text },
  ];
  it.each([
    ["trl", { messages: messages("role", "content", "user", "assistant") }],
    ["trl", { prompt: question, completion: text }],
    [
      "trl",
      {
        prompt: [{ role: "user", content: question }],
        completion: [{ role: "assistant", content: [{ type: "text", text }] }],
      },
    ],
    ["sharegpt", { id: "x1", conversations: messages("from", "value", "human", "gpt") }],
    ["alpaca", { instruction: question, input: "", output: text }],
    ["fields", { question, rationale: text }],
  ])("%s is told from the row", async (form, row) => {
    const result = await imported([row]);
    expect(result.origin).toEqual({ file: "rows.json", form, ownAnswers: true, skipped: {} });
    expect(result.kept).toEqual([
      { id: "row-1", question, answer: "8", rationale: "3 + 5 = 8.", predicted: "8", sample: 1 },
    ]);
  });

  it("named fields may be paths and templates", async () => {
    const row = { meta: { a: "Tom has 3", b: "apples" }, chain: "So 3.", gold: 3 };
    const fields = { question: "{meta.a} {meta.b}.", rationale: "chain", answer: "gold" };
    expect((await imported([row], fields)).kept[0]).toMatchObject({
      question: "Tom has 3 apples.",
      answer: "3",
    });
  });

  it("an unknown one is refused with the fields that it has", async () => {
    await expect(imported([{ a: 1, b: 2 }])).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("they have a, b"),
    });
  });
});

it("rows are judged by their gold answer", async () => {
  const row = (output: string, gold = "#### 8") => ({ instruction: question, output, gold });
  const result = await imported(
    [
      row("3 + 5 = 8. The answer is 8"),
      row("3 + 5  = 8. The answer is 8"),
      row("3 + 5 = 9. The answer is 9"),
      row("Who knows?"),
      row("<think>3 and 5 are 8</think>\nIt is 8."),
      row("3 + 5 = 8.\n#### 8"),
      row(""),
    ],
    { answer: "gold" },
  );
  expect(result.kept.map(({ rationale, sample }) => [rationale, sample])).toEqual([
    ["3 + 5 = 8. The answer is 8", 1],
    ["3 and 5 are 8", 5],
    ["3 + 5 = 8.", 6],
  ]);
  expect(result.dropped.map(({ reason }) => reason)).toEqual(["duplicate", "wrong", "unreadable"]);
  expect(result.origin).toMatchObject({ skipped: { "question or reply is empty": 1 }, ownAnswers: false });
  expect(result.statistics).toMatchObject({ questions: 1, wanted: 6, kept: 3, covered: 1 });
});

it("thoughts in parts of a reply are its rationale", async () => {
  const content = [
    { type: "thinking", thinking: [{ type: "text", text: "3 and 5 are 8." }] },
    { type: "text", text: "Answer: 8" },
  ];
  const { kept } = await imported([
    {
      messages: [
        { role: "user", content: question },
        { role: "assistant", content },
      ],
    },
  ]);
  expect(kept).toMatchObject([{ rationale: "3 and 5 are 8.", predicted: "8" }]);
});

it("an arrow within the steps is no answer", async () => {
  const output = "5 + 3 --> 8 apples.\n8 + 4 = 12.\n#### 12";
  const rationale = "5 + 3 -> 8 apples.\n8 + 4 = 12.";
  const { kept, origin } = await imported([
    { instruction: question, output },
    { instruction: "And then?", output: "5 + 3 --> 8 apples.\n8 + 4 = 12." },
  ]);
  expect(kept).toMatchObject([{ rationale, answer: "12" }]);
  expect(origin.skipped).toEqual({ "no answer can be read": 1 });
});

it("conversations that are not one question with one reply are left out and counted", async () => {
  const turn = (role: string, content: unknown) => ({ role, content });
  const rows = [
    [turn("user", "a 1"), turn("assistant", "1")],
    [turn("user", "a"), turn("assistant", "1"), turn("user", "b"), turn("assistant", "2")],
    [turn("user", "a"), turn("tool", "1"), turn("assistant", "2")],
    [turn("user", "a")],
    ["text"],
    [turn("user", "a 1"), turn("assistant", "no number")],
    [turn("user", "other"), turn("assistant", "no number")],
  ].map((messages) => ({ messages }));
  const result = await imported(rows);
  expect(result.origin.skipped).toEqual({
    "several questions in one row": 1,
    "turns of tools or other speakers": 1,
    "no question with a reply": 1,
    "a turn is no object": 1,
    "no answer can be read": 1,
  });
  expect(result.kept).toHaveLength(1);
  expect(result.dropped).toMatchObject([{ reason: "unreadable", sample: 2 }]);
});

const real = sharedPath("eit-nlp/SVAMP_ChatGPT_level1_ranked.json");
it.skipIf(real === undefined)("a real Alpaca file (skipped without the shared data)", async () => {
  const path = real!;
  const rows = JSON.parse(await readFile(path, "utf8")) as unknown[];
  const result = await imported([], { path });
  expect(result.origin.form).toBe("alpaca");
  expect(result.kept.length).toBeGreaterThan(0.95 * rows.length);
});
