/** Learning-rate schedules as a function of the step and of the share of the budget that is used. */
export type LearningRateSchedule = "constant" | "linear" | "cosine";

/**
 * @param step optimizer steps already taken
 * @param usedShare share of the budget already used, 0 to 1
 * @returns the rate of the next step: a linear rise over `warmUpSteps`, then constant, or falling to 0 at the end
 */
export function learningRateAt(
  peak: number,
  schedule: LearningRateSchedule,
  warmUpSteps: number,
  step: number,
  usedShare: number,
): number {
  const warmUp = warmUpSteps > 0 ? Math.min(1, (step + 1) / warmUpSteps) : 1;
  const share = Math.min(1, Math.max(0, usedShare));
  switch (schedule) {
    case "constant":
      return peak * warmUp;
    case "linear":
      return peak * warmUp * (1 - share);
    case "cosine":
      return peak * warmUp * 0.5 * (1 + Math.cos(Math.PI * share));
    default:
      return schedule satisfies never;
  }
}
