import { expect, it } from "vitest";
import { type ReadResult, readResult } from "../../src/cli/commands/verdict.ts";

/** @param right of 200 problems */
function result(right: number, meanGeneratedTokens: number): ReadResult {
  const accuracy = right / 200;
  const accuracyStandardError = Math.sqrt((accuracy * (1 - accuracy)) / 200);
  return { accuracy, accuracyStandardError, meanGeneratedTokens, problems: 200 };
}

it("says by how much skip-thinking is shorter, and that a small difference is no finding", () => {
  expect(readResult({ full: result(100, 80), stt: result(104, 48) })).toEqual([
    "stt writes 40% fewer tokens than full (48 against 80 a problem); its accuracy is 2.0 points above full, " +
      "a difference that 200 test problems cannot tell from chance.",
  ]);
});

it("states a large difference plainly, also to the disadvantage of the method", () => {
  const [first, second] = readResult({
    full: result(160, 60),
    stt: result(100, 66),
    "stt-random": result(40, 66),
  });
  expect(first).toBe(
    "stt writes 10% more tokens than full (66 against 60 a problem); its accuracy is 30.0 points below full.",
  );
  expect(second).toBe(
    "Skipping chosen chunks instead of random ones leaves the accuracy 30.0 points above stt-random.",
  );
});

it("compares what there is", () => {
  expect(readResult({ full: result(100, 80), "cwt-ac": result(100, 80) })).toEqual([
    "The accuracy of cwt-ac is equal to that of full.",
  ]);
  expect(readResult({ "cwt-sbc": result(150, 80), stt: result(100, 80) })).toEqual([
    "Skipping leaves the accuracy 25.0 points below cwt-sbc.",
  ]);
  expect(readResult({ full: result(100, 80) })).toEqual([]);
});

it("draws no comparison between students that know nothing", () => {
  expect(readResult({ full: result(0, 80), stt: result(0, 20) })).toEqual([
    "No student answers a single problem right, so nothing can be compared: raise train.budget.",
  ]);
});
