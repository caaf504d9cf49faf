/** The `experiment:` section of a recipe: a grid of overrides, whose every cell is a run of its own (src/experiment). */
import { z } from "zod";
import { methodPlans } from "../../method/baselines/methods.ts";
import { count, methodSchema } from "./values.ts";

/** Names become parts of folder names and columns of tables. */
const axisName = z.string().regex(/^[A-Za-z][\w-]{0,39}$/, "must be a word of letters, digits, _ and -");
const valueName = z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N}_.+' -]{0,59}$/u, "must be a short plain name");
const override = z.string().min(3).max(2000);

const equalSchema = z.strictObject({
  unit: z
    .enum(["trainedTokens", "optimizerSteps"])
    .default("trainedTokens")
    .describe("What is made equal: the target tokens trained on, or the optimizer steps."),
  as: methodSchema.default("cwt-sbc").describe("Method whose use of the first run is the budget."),
  methods: z
    .array(
      methodSchema.refine((name) => methodPlans[name].startsFrom === undefined, {
        message: "must be a method that starts from the base model",
      }),
    )
    .min(1)
    .default(["full"])
    .describe(
      "Methods trained once more with that budget; in trained tokens, answer-only takes dozens of epochs.",
    ),
});

export const experimentSchema = z
  .strictObject({
    seeds: z
      .array(count(0, 0xffff_ffff))
      .min(1)
      .max(100)
      .default([1, 2, 3])
      .describe("Every cell of the grid is run with each of these seeds."),
    axes: z
      .record(axisName, z.record(valueName, z.array(override).max(50)))
      .default({})
      .describe("Axes of the grid: the name of each value and the overrides (as of --set) that make it."),
    equal: z
      .array(equalSchema)
      .max(10)
      .default([])
      .describe("Runs that follow each cell, with a budget that one of its methods has used."),
    compare: z
      .array(z.tuple([methodSchema, methodSchema]))
      .max(100)
      .optional()
      .describe("Pairs of methods to test; without it, all against full and each step of the method."),
  })
  .superRefine((experiment, context) => {
    for (const [name, values] of Object.entries(experiment.axes)) {
      if (Object.keys(values).length > 0) continue;
      context.addIssue({ code: "custom", path: ["axes", name], message: "the axis has no values" });
    }
  });

export type Experiment = z.output<typeof experimentSchema>;
