/** The two verdicts of skip probing on the real engine: one teacher-forced pass must say what decoding would (docs/method.md §5). */
import { beforeAll, expect, test } from "vitest";
import type { OnnxStudent } from "../../src/engine/onnx/student.ts";
import { forcedJudge, generateJudge } from "../../src/method/probe/judge.ts";
import type { AnswerProbe } from "../../src/method/probe/sequences.ts";
import { RandomStream } from "../../src/util/random.ts";
import { openTiny } from "./tiny-student.ts";

const end = 0;
const letters = 4;
let student: OnnxStudent;

beforeAll(async () => {
  student = await openTiny();
});

/** A text of up to 40 letters whose answer is the first one or two of them: easy to learn in part, hard to learn whole. */
function drawProbe(random: RandomStream, index: number): AnswerProbe {
  const text = Array.from({ length: random.between(3, 40) }, () => 1 + random.below(letters));
  const answer = text.slice(0, random.between(1, 2));
  return {
    rationaleId: `r${index}`,
    prompt: [20 + answer.length],
    context: text,
    target: [...answer, end],
  };
}

test("forced and generate agree on every one of 600 probes of a student that is sometimes right", async () => {
  const random = new RandomStream(5, "verdicts");
  for (let step = 0; step < 150; step++) {
    const batch = Array.from({ length: 16 }, (_, i) => ({ ...drawProbe(random, i), weight: 1 / 16 }));
    await student.train([batch], 1e-2);
  }
  const probes = Array.from({ length: 600 }, (_, i) => drawProbe(random, i));
  const forced = await forcedJudge(student)(probes);
  const judge = generateJudge(student, {
    tokenizer: { decode: (tokens) => tokens.join(" "), endOfSequence: end },
    maxNewTokens: 1,
    isRight: () => false,
  });
  const generated = await judge(probes);
  expect(generated.map(({ exact }) => exact)).toEqual(forced.map(({ exact }) => exact));
  const right = forced.filter(({ exact }) => exact).length;
  expect(right).toBeGreaterThan(30);
  expect(right).toBeLessThan(570);
}, 60_000);
