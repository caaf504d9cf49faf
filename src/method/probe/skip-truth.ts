/**
 * How good the skips are, where the truth is known: the built-in generators say which steps reason and which only restate,
 * lead over, check or sum up (docs/method.md §7).
 */
import { type StepRole, stepRoles } from "../../tasks/problem.ts";

export interface SkipTruth {
  steps: number;
  skipped: number;
  /** Skipped steps that are neither reasoning nor answer, over all skipped steps; absent if nothing was skipped. */
  precision?: number;
  /** Skipped steps that are neither reasoning nor answer, over all such steps; absent if there are none. */
  recall?: number;
  /** In the order of `stepRoles`; roles that do not occur are left out. */
  byRole: { role: StepRole; steps: number; skipped: number }[];
}

const isNeeded = (role: StepRole): boolean => role === "reasoning" || role === "answer";

/** @param rationales the role of each step, and the indices of the steps that stay */
export function skipTruth(
  rationales: readonly { roles: readonly StepRole[]; keptSteps: readonly number[] }[],
): SkipTruth {
  const counts = new Map(stepRoles.map((role) => [role, { role, steps: 0, skipped: 0 }]));
  for (const { roles, keptSteps } of rationales) {
    const kept = new Set(keptSteps);
    roles.forEach((role, step) => {
      const count = counts.get(role)!;
      count.steps += 1;
      if (!kept.has(step)) count.skipped += 1;
    });
  }
  const byRole = [...counts.values()].filter(({ steps }) => steps > 0);
  const spare = byRole.filter(({ role }) => !isNeeded(role));
  const skipped = sum(byRole.map((count) => count.skipped));
  const spareSteps = sum(spare.map((count) => count.steps));
  const spareSkipped = sum(spare.map((count) => count.skipped));
  return {
    steps: sum(byRole.map((count) => count.steps)),
    skipped,
    ...(skipped === 0 ? {} : { precision: spareSkipped / skipped }),
    ...(spareSteps === 0 ? {} : { recall: spareSkipped / spareSteps }),
    byRole,
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
