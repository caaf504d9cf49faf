/** What each method that a recipe names needs trained before it. */
import { methodPlans } from "../../method/baselines/methods.ts";
import { type MethodName, methodNames } from "../../method/baselines/plan.ts";

/** The wanted methods with their prerequisites, without repeats, in training order. */
export function withPrerequisites(wanted: readonly MethodName[]): MethodName[] {
  const needed = new Set<MethodName>();
  const add = (method: MethodName): void => {
    needed.add(method);
    const { startsFrom } = methodPlans[method];
    if (startsFrom !== undefined) add(startsFrom);
  };
  for (const method of wanted) add(method);
  return methodNames.filter((method) => needed.has(method));
}
