/** How long a method trains: epochs, optimizer steps or trained (target) tokens. */
import type { Recipe } from "./config/schema.ts";

export type Budget = Recipe["train"]["budget"];

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

export function describeBudget(budget: Budget): string {
  const names = { epochs: "epoch", optimizerSteps: "optimizer step", trainedTokens: "trained token" };
  return `${budget.amount.toLocaleString("en-US")} ${names[budget.unit]}${budget.amount === 1 ? "" : "s"}`;
}
