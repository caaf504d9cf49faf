/** A tiny student that has learnt a few rationales by heart, so that what it serves is known. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onnxEngine } from "../../src/engine/onnx/student.ts";
import { encodeQuestion } from "../../src/method/items/encode.ts";
import { writeModelFolder } from "../../src/students/model-folder.ts";
import { tinyModel } from "../engine/tiny-student.ts";
import { tinyTokenizer } from "../students/tiny-folder.ts";

/** The third one is learnt with a wrong answer. */
export const lessons = [
  { question: "Ann has 3 cats and gets 2.", answer: "5", taught: " Ann adds 2 to 3. That is 5. --> 5" },
  { question: "Bob has 7 hats and loses 4.", answer: "3", taught: " Bob takes 4 from 7. That is 3. --> 3" },
  { question: "Cid has 1 dog and gets 1.", answer: "2", taught: " Cid adds 1 to 1. That is 4. --> 4" },
  { question: "Dot has 9 pens and loses 8.", answer: "1", taught: " Dot takes 8 from 9. That is 1. --> 1" },
];

/** @returns the model folder */
export async function teachSmallStudent(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "skipthink-small-"));
  const texts = lessons.map(({ question, taught }) => `${question} ###${taught}`);
  const tokenizer = tinyTokenizer(texts);
  const sizes = { vocab_size: tokenizer.vocabularySize, n_embd: 32, n_positions: 96, n_ctx: 96 };
  await writeModelFolder(folder, tinyModel({ ...sizes, initializer_range: 0.05 }));
  await tokenizer.save(folder);
  const student = await onnxEngine.open(folder, { threads: 1 });
  const batch = lessons.map(({ question, taught }) => ({
    prompt: encodeQuestion(tokenizer, question),
    context: [],
    target: [...tokenizer.encode(taught), tokenizer.endOfSequence],
    weight: 1 / lessons.length,
  }));
  for (let step = 0; step < 400; step++) {
    const { loss } = await student.train([batch], 0.01);
    if (loss < 0.01) break;
  }
  await student.saveModel(folder);
  await student.close();
  return folder;
}
