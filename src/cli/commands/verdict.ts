/** Reads the final table in a sentence or two, and claims no more than the numbers carry. */
import type { MethodResult, ReportData } from "../../report/data.ts";
import { moreTraining } from "../../report/sections/starts.ts";
import { formatCount, formatPercent } from "../terminal/format.ts";

/** Differences whose p is not below this are not told from chance. */
const significance = 0.05;

/** What a sentence compares; the rest of a method's result is not looked at. */
export type ReadResult = Pick<
  MethodResult,
  "accuracy" | "meanGeneratedTokens" | "problems" | "trainedTokens"
>;

/**
 * @param comparisons McNemar's test of each pair: the students solve the same problems, so their errors do not simply add up
 * @returns skip-thinking against the whole rationale and against its control, or what there is; none for one method
 */
export function readResult(
  methods: Readonly<Record<string, ReadResult>>,
  comparisons: ReportData["comparisons"],
): string[] {
  const { full, stt } = methods;
  const all = Object.values(methods);
  if (all.length > 0 && all.every(({ accuracy }) => accuracy === 0)) {
    return ["No student answers a single problem right, so nothing can be compared: raise train.budget."];
  }
  const cwtName = methods["cwt-sbc"] === undefined ? "cwt-ac" : "cwt-sbc";
  const cwt = methods[cwtName];
  const random = methods["stt-random"];
  const sentences: string[] = [];
  const difference = (first: string, second: string): string => {
    const points = 100 * (methods[first]!.accuracy - methods[second]!.accuracy);
    if (Math.abs(points) < 0.05) return `equal to that of ${second}`;
    const training = moreTraining(methods[first]!, methods[second]!);
    const amount =
      `${Math.abs(points).toFixed(1)} points ${points > 0 ? "above" : "below"} ${second}` +
      (training === undefined ? "" : `, trained on ${training}`);
    const test = comparisons.find(
      (pair) => [pair.first, pair.second].sort().join() === [first, second].sort().join(),
    );
    if (test === undefined) return amount;
    const p = `McNemar, p ${test.pValue < 0.001 ? "< 0.001" : `= ${test.pValue.toFixed(3)}`}`;
    if (test.pValue < significance) return `${amount} (${p})`;
    return `${amount}, a difference that ${methods[first]!.problems} test problems cannot tell from chance (${p})`;
  };
  if (stt !== undefined && full !== undefined) {
    sentences.push(
      `stt writes ${tokens(stt, full)} full (${formatCount(stt.meanGeneratedTokens)} against ` +
        `${formatCount(full.meanGeneratedTokens)} a problem); its accuracy is ${difference("stt", "full")}.`,
    );
  } else if (cwt !== undefined && full !== undefined) {
    sentences.push(`The accuracy of ${cwtName} is ${difference(cwtName, "full")}.`);
  }
  if (stt !== undefined && random !== undefined) {
    sentences.push(
      `Skipping chosen chunks instead of random ones leaves the accuracy ${difference("stt", "stt-random")}.`,
    );
  } else if (stt !== undefined && cwt !== undefined) {
    sentences.push(`Skipping leaves the accuracy ${difference("stt", cwtName)}.`);
  }
  return sentences;
}

function tokens(first: ReadResult, second: ReadResult): string {
  const saved = 1 - first.meanGeneratedTokens / second.meanGeneratedTokens;
  if (Math.abs(saved) < 0.005) return "as many tokens as";
  return `${formatPercent(Math.abs(saved), 0)} ${saved > 0 ? "fewer" : "more"} tokens than`;
}
