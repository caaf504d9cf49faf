/** Skip probing on the real engine: removals go on from readings, and the verdicts are those of texts that are read whole. */
import { expect, test } from "vitest";
import type { ScoreOptions, Student, TokenSequence } from "../../src/engine/engine.ts";
import { averageBoundaries } from "../../src/method/chunk/boundaries.ts";
import type { EncodedRationale } from "../../src/method/items/encode.ts";
import type { Markers } from "../../src/method/items/markers.ts";
import { forcedJudge, generateJudge } from "../../src/method/probe/judge.ts";
import { type ProbeOptions, probeRationales } from "../../src/method/probe/probe.ts";
import type { ProbedRationale } from "../../src/method/probe/types.ts";
import { RandomStream } from "../../src/util/random.ts";
import { openTiny } from "./tiny-student.ts";

const end = 0;
const chunkCount = 5;
const markers: Markers = {
  stages: [30, 31, 32, 33, 34],
  answer: 35,
  endOfChunk: 36,
  label: [],
  rationale: [],
};

/** Five steps of a few letters; the answer is the first letter of the second, so that one is needed and others are not. */
function draw(random: RandomStream, index: number): EncodedRationale {
  const letters = (count: number): number[] => Array.from({ length: count }, () => 1 + random.below(6));
  const steps = Array.from({ length: chunkCount }, () => letters(random.between(2, 5)));
  return {
    rationaleId: `r${index}`,
    question: letters(random.between(2, 6)),
    steps,
    arrow: [20],
    answer: [steps[1]![0]!, end],
  };
}

/** The same student, but all is read anew. */
function withoutReadings(student: Student): Student {
  return {
    ...student,
    capabilities: () => student.capabilities(),
    counters: () => student.counters(),
    score: (sequences: readonly TokenSequence[], { maxTokensPerBatch }: ScoreOptions = {}) =>
      student.score(sequences, maxTokensPerBatch === undefined ? {} : { maxTokensPerBatch }),
    generate: (prompts, options) => student.generate(prompts, options),
  } as Student;
}

test("with readings, probing decides as without, in every mode, and reads less", async () => {
  const student = await openTiny();
  const random = new RandomStream(6, "probe");
  const rationales = Array.from({ length: 40 }, (_, i) => draw(random, i));
  /** A text from which steps that are not needed are missing. */
  const shortened = ({ question, steps, arrow, answer }: EncodedRationale): TokenSequence => ({
    prompt: [markers.answer, ...question],
    context: [],
    target: [...steps.filter((_, k) => k === 1 || random.below(3) > 0).flat(), ...arrow, ...answer],
  });
  for (let step = 0; step < 200; step++) {
    const batch = Array.from({ length: 16 }, (_, i) =>
      shortened(rationales[(16 * step + i) % rationales.length]!),
    );
    await student.train([batch.map((sequence) => ({ ...sequence, weight: 1 / 16 }))], 1e-2);
  }
  const boundaries = new Map(
    rationales.map(({ rationaleId }) => [rationaleId, averageBoundaries(chunkCount, chunkCount)]),
  );
  const read = async (
    asked: Student,
    options: ProbeOptions,
    verdict: "forced" | "generate",
  ): Promise<{ probed: ProbedRationale[]; tokens: number }> => {
    const tokenizer = { decode: (tokens: readonly number[]) => tokens.join(" "), endOfSequence: end };
    const answers = new Map(rationales.map(({ rationaleId, answer }) => [rationaleId, String(answer[0])]));
    const judge =
      verdict === "forced"
        ? forcedJudge(asked)
        : generateJudge(asked, {
            tokenizer,
            maxNewTokens: 2,
            isRight: (id, text) => answers.get(id) === text,
          });
    const before = student.counters().scoredTokens;
    const probed = await probeRationales(asked, rationales, boundaries, markers, judge, options);
    return { probed, tokens: student.counters().scoredTokens - before };
  };
  let [skipped, kept, fastTokens, slowTokens] = [0, 0, 0, 0];
  for (const decision of ["cumulative", "independent"] as const)
    for (const criterion of ["answer", "continuation"] as const)
      for (const answerChunk of ["hidden", "shown"] as const)
        for (const verdict of ["forced", "generate"] as const) {
          const options: ProbeOptions = { decision, criterion, answerChunk, onWrong: "keep", maxNllRise: 1 };
          const fast = await read(student, options, verdict);
          const slow = await read(withoutReadings(student), options, verdict);
          const verdicts = ({ rationaleId, wholeRight, keptSteps, chunks }: ProbedRationale) => ({
            rationaleId,
            wholeRight,
            keptSteps,
            reasons: chunks.map(({ reason }) => reason),
          });
          expect(fast.probed.map(verdicts)).toEqual(slow.probed.map(verdicts));
          for (const [i, { chunks }] of fast.probed.entries())
            for (const [k, { trial }] of chunks.entries()) {
              const rise = slow.probed[i]!.chunks[k]!.trial?.nllRise;
              if (rise === undefined) expect(trial?.nllRise).toBeUndefined();
              else expect(trial!.nllRise).toBeCloseTo(rise, 3);
            }
          fastTokens += fast.tokens;
          slowTokens += slow.tokens;
          skipped += fast.probed.flatMap(({ chunks }) => chunks).filter((chunk) => chunk.skipped).length;
          kept += fast.probed
            .flatMap(({ chunks }) => chunks)
            .filter((chunk) => chunk.candidate && !chunk.skipped).length;
        }
  expect(Math.min(skipped, kept)).toBeGreaterThan(100);
  expect(fastTokens).toBeLessThan(0.7 * slowTokens);
}, 60_000);
