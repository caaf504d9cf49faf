/** A true pretrained model in our engine: its documented greedy text, token for token. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { convertLlama2c } from "../../scripts/convert-llama2c.ts";
import { loadTokenizer } from "../../src/students/tokenizer.ts";
import { openStudent, temporaryFolder } from "./tiny-student.ts";

const shared = resolve(process.env.SKIPTHINK_SHARED ?? resolve(import.meta.dirname, "../../../shared"));
const source = join(shared, "data/stories260K");
const beginOfText = 1;

describe.skipIf(!existsSync(source))(`stories260K (skipped without ${source})`, () => {
  let folder: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    await convertLlama2c(join(source, "stories260K.bin"), join(source, "tok512.bin"), folder);
  });

  test("gives its documented greedy text, alone and beside another prompt", async () => {
    const notes = readFileSync(join(source, "stories260K.md"), "utf8");
    const documented = /-t 0\.0\n(Once upon a time.*?)\n```/s.exec(notes)![1]!;
    const tokenizer = await loadTokenizer(folder);
    const expected = tokenizer.encode(documented);
    expect(expected.length).toBeGreaterThan(200);
    expect(tokenizer.decode(expected)).toBe(documented);

    const student = await openStudent(folder, { vocabularySize: tokenizer.vocabularySize });
    expect(student.capabilities()).toMatchObject({ parameters: 260_032, contextLength: 512 });
    const prompts = [
      { prompt: [beginOfText], context: [] },
      { prompt: [beginOfText, ...tokenizer.encode("One day, Tom")], context: [] },
    ];
    const options = { maxNewTokens: expected.length, stopTokens: [] };
    for (const batchSize of [1, 2]) {
      const [story] = await student.generate(prompts, { ...options, batchSize });
      expect(story!.tokens).toEqual(expected);
    }
    const [score] = await student.score([{ prompt: [beginOfText], context: [], target: expected }]);
    expect(score!.isArgmax.every((value) => value === 1)).toBe(true);
  });
});
