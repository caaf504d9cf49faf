import { expect, it } from "vitest";
import { type ReadResult, readResult } from "../../src/cli/commands/verdict.ts";
import { mcNemarExact } from "../../src/evaluate/statistics.ts";

/** @param right of 200 problems */
function result(right: number, meanGeneratedTokens: number, trainedTokens = 1000): ReadResult {
  return { accuracy: right / 200, meanGeneratedTokens, problems: 200, trainedTokens };
}

function pair(first: string, second: string, onlyFirstRight: number, onlySecondRight: number) {
  const pValue = mcNemarExact(onlyFirstRight, onlySecondRight);
  return { first, second, onlyFirstRight, onlySecondRight, pValue };
}

it("says by how much skip-thinking is shorter, and that a small difference is no finding", () => {
  const methods = { full: result(100, 80), stt: result(104, 48) };
  expect(readResult(methods, [pair("full", "stt", 20, 24)])).toEqual([
    "stt writes 40% fewer tokens than full (48 against 80 a problem); its accuracy is 2.0 points above full, " +
      "a difference that 200 test problems cannot tell from chance (McNemar, p = 0.652).",
  ]);
});

it("tests pairs: what two test sets could not tell apart, the same problems can", () => {
  const methods = { full: result(100, 80), stt: result(116, 48) };
  // Two proportions of 200 with standard errors of 3.5 points each: 8 points are less than 1.96 x 4.9.
  const [sentence] = readResult(methods, [pair("full", "stt", 2, 18)]);
  expect(sentence).toContain("8.0 points above full (McNemar, p < 0.001).");
});

it("states a large difference plainly, also to the disadvantage of the method", () => {
  const methods = { full: result(160, 60), stt: result(100, 66), "stt-random": result(40, 66) };
  const [first, second] = readResult(methods, [
    pair("full", "stt", 70, 10),
    pair("stt", "stt-random", 80, 20),
  ]);
  expect(first).toBe(
    "stt writes 10% more tokens than full (66 against 60 a problem); its accuracy is 30.0 points below full " +
      "(McNemar, p < 0.001).",
  );
  expect(second).toBe(
    "Skipping chosen chunks instead of random ones leaves the accuracy 30.0 points above stt-random (McNemar, p < 0.001).",
  );
});

it("does not keep it to itself where one of them was trained for longer", () => {
  const methods = { full: result(100, 80), stt: result(116, 48, 1430) };
  const [sentence] = readResult(methods, [pair("full", "stt", 2, 18)]);
  expect(sentence).toContain("8.0 points above full, trained on 43% more tokens (McNemar, p < 0.001).");
});

it("compares what there is", () => {
  expect(readResult({ full: result(100, 80), "cwt-ac": result(100, 80) }, [])).toEqual([
    "The accuracy of cwt-ac is equal to that of full.",
  ]);
  const methods = { "cwt-sbc": result(150, 80), stt: result(100, 80) };
  expect(readResult(methods, [pair("cwt-sbc", "stt", 60, 10)])).toEqual([
    "Skipping leaves the accuracy 25.0 points below cwt-sbc (McNemar, p < 0.001).",
  ]);
  expect(readResult({ full: result(100, 80) }, [])).toEqual([]);
});

it("draws no comparison between students that know nothing", () => {
  expect(readResult({ full: result(0, 80), stt: result(0, 20) }, [])).toEqual([
    "No student answers a single problem right, so nothing can be compared: raise train.budget.",
  ]);
});
