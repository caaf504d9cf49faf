/** Methods that go on from another method's student: their steps and trained tokens hold that student's training too. */
import { methodPlans } from "../../method/baselines/methods.ts";
import { type MethodName, methodNames } from "../../method/baselines/plan.ts";
import type { MethodResult } from "../data.ts";
import { compact, decimal } from "../numbers.ts";

interface Start {
  /** Methods that start there. */
  methods: MethodName[];
  from: MethodName;
  result: MethodResult;
}

/** Only where the student that a method starts from is in the report as well. */
function starts(methods: Record<string, MethodResult>): Start[] {
  const present = methodNames.filter((name) => Object.hasOwn(methods, name));
  return present.flatMap((from) => {
    const following = present.filter((name) => methodPlans[name].startsFrom === from);
    return following.length === 0 ? [] : [{ methods: following, from, result: methods[from]! }];
  });
}

/** "; stt on top of cwt-sbc's", to stand behind the budgets. */
export function startsInBudget(methods: Record<string, MethodResult>): string {
  return starts(methods)
    .map(({ methods: names, from }) => `; ${listed(names)} on top of ${from}'s`)
    .join("");
}

/** What of the table's figures is the training of the student that a method starts from. */
export function startsNote(methods: Record<string, MethodResult>): string {
  return starts(methods)
    .map(
      ({ methods: names, from, result }) =>
        ` Of the steps and trained tokens of ${listed(names)}, ${decimal(result.optimizerSteps)} and ` +
        `${compact(result.trainedTokens, true)} are those of ${from}, whose student ${names.length === 1 ? "it starts" : "they start"} from; ` +
        `the loss curves show ${names.length === 1 ? "its own" : "their own"} alone.`,
    )
    .join("");
}

/** "43% more tokens": what the first was trained on; undefined where both had about as many. */
export function moreTraining(
  { trainedTokens }: Pick<MethodResult, "trainedTokens">,
  { trainedTokens: others }: Pick<MethodResult, "trainedTokens">,
): string | undefined {
  const ratio = trainedTokens / others;
  if (!Number.isFinite(ratio) || Math.abs(ratio - 1) < 0.05) return undefined;
  if (ratio >= 2) return `${decimal(ratio, 1)} times as many tokens`;
  return `${decimal(Math.abs(ratio - 1) * 100)}% ${ratio > 1 ? "more" : "fewer"} tokens`;
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
