/** How long a method trains: epochs, optimizer steps or trained (target) tokens. */
import type { MethodName } from "../method/baselines/plan.ts";
import type { PlannedBatch } from "../method/items/types.ts";
import type { Recipe } from "./config/schema.ts";

export type Budget = Recipe["train"]["budget"];

export function budgetOf({ train }: Pick<Recipe, "train">, method: MethodName): Budget {
  return train.budgets[method] ?? train.budget;
}

export interface Used {
  step: number;
  trainedTokens: number;
  epoch: number;
  /** Batches of the current epoch that are done, and their number. */
  batch: number;
  batches: number;
}

/** Share of the budget that is used, 0 to 1 and above. */
export function usedShare(budget: Budget, used: Used): number {
  switch (budget.unit) {
    case "epochs":
      return (used.epoch + (used.batches > 0 ? used.batch / used.batches : 0)) / budget.amount;
    case "optimizerSteps":
      return used.step / budget.amount;
    case "trainedTokens":
      return used.trainedTokens / budget.amount;
    default:
      return budget.unit satisfies never;
  }
}

/** Optimizer steps of the whole training, as far as the batches of the current epoch tell. */
export function expectedSteps(
  { amount, unit }: Budget,
  { step, epoch, batch, trainedTokens }: Used,
  batches: readonly PlannedBatch[],
): number {
  if (unit === "optimizerSteps") return amount;
  if (unit === "epochs") return step - batch + (amount - epoch) * batches.length;
  const tokens = batches.reduce(
    (sum, { microBatches }) =>
      sum + microBatches.flat().reduce((inner, { target }) => inner + target.length, 0),
    0,
  );
  return step + Math.ceil(((amount - trainedTokens) * batches.length) / tokens);
}

export function describeBudget(budget: Budget): string {
  const names = { epochs: "epoch", optimizerSteps: "optimizer step", trainedTokens: "trained token" };
  return `${budget.amount.toLocaleString("en-US")} ${names[budget.unit]}${budget.amount === 1 ? "" : "s"}`;
}
