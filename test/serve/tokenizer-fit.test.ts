/** A tokenizer larger than the embeddings beside it is refused before a token is read. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openServedStudent } from "../../src/serve/served-student.ts";
import { cli } from "../cli/run-cli.ts";
import { coinTexts, tinyTokenizer, writeTinyGpt2 } from "../students/tiny-folder.ts";

let parent: string;
const tokenizer = tinyTokenizer(coinTexts());
const size = tokenizer.vocabularySize;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "skipthink-fit-"));
});
afterAll(() => rm(parent, { recursive: true }));

/** @param spare rows that the embedding has beyond the tokenizer's tokens */
async function student(spare: number): Promise<string> {
  const folder = await mkdtemp(join(parent, "student-"));
  await writeTinyGpt2(folder, tokenizer, { contextLength: 64, spare });
  return folder;
}

it("where a student is served", async () => {
  const folder = await student(-1);
  await expect(openServedStudent(folder, { threads: 1 })).rejects.toMatchObject({
    message: `the tokenizer has ${size} tokens, the model's embeddings ${size - 1}`,
    exitCode: 2,
    place: { file: folder, key: "vocab_size" },
    remedy: expect.stringContaining("put the tokenizer.json of this model into the folder"),
  });
  const served = await openServedStudent(await student(3), { threads: 1 });
  await served.student.close();
});

it("where a student is asked", async () => {
  const asked = ["Heads up?", "--max-new-tokens", "2", "--threads", "1"];
  const misfit = await cli(["generate", await student(-1), ...asked]);
  expect(misfit.code).toBe(2);
  expect(misfit.stderr).toContain(`the tokenizer has ${size} tokens, the model's embeddings ${size - 1}`);
  expect(misfit.stderr).toContain("put the tokenizer.json of this model into the folder");
  expect((await cli(["generate", await student(0), ...asked])).code).toBe(0);
});
