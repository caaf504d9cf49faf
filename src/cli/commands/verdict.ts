/** Reads the final table in a sentence or two, and claims no more than the numbers carry. */
import type { MethodResult } from "../../report/data.ts";
import { formatCount, formatPercent } from "../terminal/format.ts";

/** Differences within this many standard errors are not told from chance (two-sided 5 %). */
const noiseWidth = 1.96;

/** What a sentence compares; the rest of a method's result is not looked at. */
export type ReadResult = Pick<
  MethodResult,
  "accuracy" | "accuracyStandardError" | "meanGeneratedTokens" | "problems"
>;

/** @returns skip-thinking against the whole rationale and against its control, or what there is; none for one method */
export function readResult(methods: Readonly<Record<string, ReadResult>>): string[] {
  const { full, stt } = methods;
  const all = Object.values(methods);
  if (all.length > 0 && all.every(({ accuracy }) => accuracy === 0)) {
    return ["No student answers a single problem right, so nothing can be compared: raise train.budget."];
  }
  const cwtName = methods["cwt-sbc"] === undefined ? "cwt-ac" : "cwt-sbc";
  const cwt = methods[cwtName];
  const random = methods["stt-random"];
  const sentences: string[] = [];
  if (stt !== undefined && full !== undefined) {
    sentences.push(
      `stt writes ${tokens(stt, full)} full (${formatCount(stt.meanGeneratedTokens)} against ` +
        `${formatCount(full.meanGeneratedTokens)} a problem); its accuracy is ${difference(stt, full, "full")}.`,
    );
  } else if (cwt !== undefined && full !== undefined) {
    sentences.push(`The accuracy of ${cwtName} is ${difference(cwt, full, "full")}.`);
  }
  if (stt !== undefined && random !== undefined) {
    sentences.push(
      `Skipping chosen chunks instead of random ones leaves the accuracy ${difference(stt, random, "stt-random")}.`,
    );
  } else if (stt !== undefined && cwt !== undefined) {
    sentences.push(`Skipping leaves the accuracy ${difference(stt, cwt, cwtName)}.`);
  }
  return sentences;
}

function tokens(first: ReadResult, second: ReadResult): string {
  const saved = 1 - first.meanGeneratedTokens / second.meanGeneratedTokens;
  if (Math.abs(saved) < 0.005) return "as many tokens as";
  return `${formatPercent(Math.abs(saved), 0)} ${saved > 0 ? "fewer" : "more"} tokens than`;
}

/** "12.0 points above full", with a warning where the test set is too small to tell. */
function difference(first: ReadResult, second: ReadResult, name: string): string {
  const points = 100 * (first.accuracy - second.accuracy);
  if (Math.abs(points) < 0.05) return `equal to that of ${name}`;
  const error = 100 * Math.hypot(first.accuracyStandardError, second.accuracyStandardError);
  const amount = `${Math.abs(points).toFixed(1)} points ${points > 0 ? "above" : "below"} ${name}`;
  if (Math.abs(points) > noiseWidth * error) return amount;
  return `${amount}, a difference that ${first.problems} test problems cannot tell from chance`;
}
