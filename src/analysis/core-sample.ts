/**
 * Which tokens are replaced. A counterfactual costs a forward pass over its whole sequence, so a rationale of T tokens costs
 * about T² and many rationales more than anyone waits for. Most of the budget goes to rationales that are tested token by
 * token (batches can only be judged on those), the rest to an equal share of randomly drawn tokens of each of the
 * others, so that figures over all tokens rest on many problems.
 */
import { RandomStream } from "../util/random.ts";

/** Share of the budget for whole rationales. */
const shareOfWhole = 0.75;

export interface TestableRationale {
  rationaleId: string;
  /** Tokens that may be replaced: the first `testable` ones of the rationale. */
  testable: number;
  /** Tokens of one counterfactual sequence. */
  sequenceTokens: number;
}

/**
 * @returns positions to replace, rising, for each rationale in the order given; whole rationales come first. The first one is
 *   whole whatever it costs, and every other has at least one token.
 */
export function planTests(
  rationales: readonly TestableRationale[],
  budget: number,
  seed: number,
): { whole: number; positions: number[][] } {
  const cost = ({ testable, sequenceTokens }: TestableRationale): number => testable * sequenceTokens;
  const total = rationales.reduce((sum, one) => sum + cost(one), 0);
  const everything = ({ testable }: TestableRationale): number[] =>
    Array.from({ length: testable }, (_, position) => position);
  if (total <= budget) return { whole: rationales.length, positions: rationales.map(everything) };
  let whole = 0;
  let used = 0;
  while (
    whole < rationales.length &&
    (whole === 0 || used + cost(rationales[whole]!) <= budget * shareOfWhole)
  ) {
    used += cost(rationales[whole]!);
    whole++;
  }
  const rest = rationales.slice(whole).reduce((sum, one) => sum + cost(one), 0);
  const rate = Math.max(0, budget - used) / rest;
  const positions = rationales.map((one, index) => {
    if (index < whole) return everything(one);
    const count = Math.min(one.testable, Math.max(1, Math.floor(one.testable * rate)));
    const random = new RandomStream(seed, `inspect/tokens/${one.rationaleId}`);
    return random
      .shuffle(everything(one))
      .slice(0, count)
      .sort((a, b) => a - b);
  });
  return { whole, positions };
}
