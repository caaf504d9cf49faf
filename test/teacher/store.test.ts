import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { requestKey, type TeacherRequest } from "../../src/teacher/request.ts";
import { AnswerStore } from "../../src/teacher/store.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-store-"));
});
afterAll(() => rm(folder, { recursive: true }));

const request = (sample: number): TeacherRequest => ({
  api: "chat",
  body: { model: "m", messages: [{ role: "user", content: "é\n" }] },
  sample,
  maxTokens: 5,
});
const reply = (content: string) => ({ content, reasoning: "", finish: "stop" as const });
const usage = { inputTokens: 3, outputTokens: 2 };

async function journal(name: string, count: number): Promise<string> {
  const path = join(folder, name, "answers.jsonl");
  const { store } = await AnswerStore.open(path);
  await Promise.all(
    Array.from({ length: count }, (_, i) => store.put(request(i), reply(`text ${i}`), usage)),
  );
  await store.addLost({ inputTokens: 100, outputTokens: 50 });
  // At once, as when it is opened again.
  expect(store.spent).toEqual({ inputTokens: 100 + 3 * count, outputTokens: 50 + 2 * count });
  await store.close();
  return path;
}

it("keeps answers and what they cost", async () => {
  const path = await journal("keeps", 20);
  const { store, notes } = await AnswerStore.open(path);
  expect(notes).toEqual([]);
  expect(store.size).toBe(20);
  expect(store.get(requestKey(request(7)))).toEqual(reply("text 7"));
  expect(store.get(requestKey(request(20)))).toBeUndefined();
  expect(store.spent).toEqual({ inputTokens: 160, outputTokens: 90 });
  await store.close();
});

it("loses at most the last answer, wherever the file was cut", async () => {
  const whole = await readFile(await journal("whole", 3));
  const ends = [...whole.keys()].filter((index) => whole[index] === 10);
  const path = join(folder, "cut", "answers.jsonl");
  await journal("cut", 0);
  for (let length = 0; length < whole.length; length += Math.ceil(whole.length / 9)) {
    await writeFile(path, whole.subarray(0, length));
    const { store, notes } = await AnswerStore.open(path);
    const complete = ends.filter((end) => end < length).length;
    expect(store.size).toBe(Math.min(3, complete));
    expect(notes.length).toBe(length === 0 || whole[length - 1] === 10 ? 0 : 1);
    await store.put(request(9), reply("after"), usage);
    await store.close();
    const again = await AnswerStore.open(path);
    expect(again.notes).toEqual([]);
    expect(again.store.get(requestKey(request(9)))).toEqual(reply("after"));
    await again.store.close();
  }
});

it("passes over lines that were damaged or do not belong to their address", async () => {
  const path = await journal("damaged", 3);
  const lines = (await readFile(path, "utf8")).split("\n");
  lines[1] = lines[1]!.replace('"model":"m"', '"model":"n"');
  await writeFile(path, ["\0\0\0", ...lines].join("\n"));
  const { store, notes } = await AnswerStore.open(path);
  expect(store.size).toBe(2);
  expect(notes).toEqual([expect.stringContaining("2 damaged lines are passed over (first: line 1)")]);
  await store.close();
});

it("is open once at a time, and survives a lock whose process is gone", async () => {
  const path = await journal("lock", 1);
  const first = await AnswerStore.open(path);
  await expect(AnswerStore.open(path)).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringContaining("is asking for its answers"),
  });
  await first.store.close();
  // No process has so high a number.
  await writeFile(`${path}.lock`, JSON.stringify({ host: hostname(), pid: 4_194_999, token: "00" }));
  const { store } = await AnswerStore.open(path);
  await store.close();
  await expect(stat(`${path}.lock`)).rejects.toThrow();
});

it("says so when an answer cannot be written, and writes nothing behind it", async () => {
  const path = await journal("full", 1);
  const { store } = await AnswerStore.open(path);
  await store.close();
  await expect(store.put(request(1), reply("x"), usage)).rejects.toThrow();
  expect(store.get(requestKey(request(1)))).toBeUndefined();
  await appendFile(path, "");
});

it("refuses every answer after a failed write, and leaves none of them waiting", async () => {
  const path = await journal("broken", 1);
  const { store } = await AnswerStore.open(path);
  await store.close();
  for (let sample = 1; sample <= 4; sample++) {
    await expect(store.put(request(sample), reply("x"), usage)).rejects.toThrow();
  }
  await expect(store.addLost(usage)).rejects.toThrow();
}, 5000);
