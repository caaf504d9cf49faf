/** The section `train:` of a recipe: budgets, optimizer, batches, checkpoints and the choice of the epoch. */
import { z } from "zod";
import { count, methodSchema, share } from "./values.ts";

const budgetSchema = z
  .strictObject({
    unit: z
      .enum(["epochs", "optimizerSteps", "trainedTokens"])
      .default("epochs")
      .describe("What the budget counts; trainedTokens are target tokens that carry loss."),
    amount: count(1, 1_000_000_000_000).default(5).describe("How many of the unit."),
  })
  .superRefine((budget, context) => {
    // Catches a unit changed without its amount: five tokens are no training.
    if (budget.unit === "trainedTokens" && budget.amount < 100) {
      context.addIssue({
        code: "custom",
        path: ["amount"],
        message: "fewer than 100 tokens are no training",
      });
    }
  });
const learningRate = () => z.number().positive().max(1);

export const trainSchema = z
  .strictObject({
    budget: budgetSchema.prefault({}).describe("Training budget of each method."),
    budgets: z
      .partialRecord(methodSchema, budgetSchema)
      .default({})
      .describe("Budget of single methods, in place of `budget`."),
    learningRate: learningRate().default(3e-4).describe("Peak learning rate of AdamW."),
    learningRates: z
      .partialRecord(methodSchema, learningRate())
      .default({})
      .describe("Learning rate of single methods, in place of `learningRate`."),
    schedule: z
      .enum(["constant", "linear", "cosine"])
      .default("constant")
      .describe("Learning rate after the warm-up: constant, or falling to 0 at the end of the budget."),
    warmUpSteps: count(0, 1_000_000).default(10).describe("Steps in which the learning rate rises from 0."),
    itemsPerBatch: count(1, 4096).default(8).describe("Training items per optimizer step."),
    tokensPerBatch: count(64, 10_000_000)
      .default(4096)
      .describe("Padded tokens per forward pass at most; a larger batch is split and its gradients summed."),
    weightDecay: share().default(0.01).describe("Decoupled weight decay of the matrices."),
    maxGradientNorm: z
      .number()
      .min(0)
      .max(1e6)
      .default(1)
      .describe("Gradient clipping by global norm; 0 switches it off."),
    beta1: z.number().min(0).max(0.9999).default(0.9).describe("AdamW: decay of the gradient's mean."),
    beta2: z.number().min(0).max(0.999999).default(0.999).describe("AdamW: decay of the gradient's square."),
    epsilon: z.number().positive().max(0.1).default(1e-8).describe("AdamW: added to the denominator."),
    checkpointEverySteps: count(1, 1_000_000).default(50).describe("Optimizer steps between checkpoints."),
    keepCheckpoints: count(1, 1000).default(1).describe("Checkpoints kept per method, newest first."),
    select: z
      .enum(["best", "last"])
      .default("best")
      .describe("Which epoch's student is kept: the best on the dev split, or the last."),
    devEveryEpochs: count(1, 1000).default(1).describe("Epochs between two measurements on the dev split."),
  })
  .prefault({})
  .describe("Training.");
