/**
 * The recipe: every choice of a run as one strict, typed tree. Each value has a description, bounds and a default, so the
 * shortest recipe is `task: {}`. Unknown keys are refused. Reading files, overrides and paths is load.ts's job.
 */
import { z } from "zod";
import { methodNames } from "../../method/baselines/plan.ts";
import { dataSchema, taskSchema } from "./data-schema.ts";
import { experimentSchema } from "./experiment.ts";
import { chunkSchema, itemsSchema, probeSchema } from "./method-schema.ts";
import { withPrerequisites } from "./methods.ts";
import { studentSchema } from "./student-schema.ts";
import { trainSchema } from "./train-schema.ts";
import { count, methodSchema } from "./values.ts";

const evaluateSchema = z
  .strictObject({
    maxNewTokens: count(1, 131_072).default(256).describe("Longest generated text, tokens."),
    batchSize: count(1, 4096).default(32).describe("Problems decoded together."),
    latencyProblems: count(1, 10_000)
      .default(20)
      .describe("Problems solved one at a time to measure seconds per problem (median)."),
    testEveryEpoch: z
      .boolean()
      .default(false)
      .describe("Also measure the test split every epoch, to show best-on-test; never used to choose."),
  })
  .prefault({})
  .describe("Evaluation.");

const reportSchema = z
  .strictObject({
    rationales: count(0, 10_000).default(40).describe("Training rationales shown with chunks and skips."),
    problems: count(0, 10_000).default(60).describe("Test problems shown with each student's text."),
    tensorboard: z
      .boolean()
      .default(false)
      .describe("Also write the metrics as TensorBoard event files, into tensorboard/ of the run folder."),
  })
  .prefault({})
  .describe("How much of the run the report shows.");

const torchSchema = z
  .strictObject({
    processes: count(1, 64).default(1).describe("Processes on this machine, one per GPU."),
    sharding: z
      .enum(["ddp", "fsdp"])
      .default("ddp")
      .describe("Several processes: each with a whole copy of the student (ddp), or with its share (fsdp)."),
    precision: z
      .enum(["float32", "bfloat16"])
      .default("float32")
      .describe("Precision of the forward and backward pass; weights and moments are float32 in both."),
    gradientCheckpointing: z
      .boolean()
      .default(false)
      .describe("Compute activations again in the backward pass: less memory, a third more work."),
    compile: z.boolean().default(false).describe("Compile the transformer blocks with torch.compile."),
    device: z.enum(["auto", "cpu", "cuda"]).default("auto").describe("auto: GPUs where there are any."),
  })
  .prefault({})
  .describe("How the PyTorch engine computes.");

export const recipeSchema = z
  .strictObject({
    name: z.string().min(1).max(120).default("skipthink").describe("Title of the run."),
    task: taskSchema.optional(),
    data: dataSchema.optional(),
    student: studentSchema,
    methods: z
      .array(methodSchema)
      .min(1)
      .default([...methodNames])
      .transform(withPrerequisites)
      .describe("Methods to train and compare; those they start from are added."),
    chunk: chunkSchema,
    items: itemsSchema,
    probe: probeSchema,
    train: trainSchema,
    evaluate: evaluateSchema,
    report: reportSchema,
    experiment: experimentSchema
      .optional()
      .describe("A grid of runs for skipthink experiment; a single run ignores it."),
    engine: z
      .enum(["onnx", "torch"])
      .default("onnx")
      .describe("onnx: embedded, needs nothing else; torch: PyTorch, for GPUs and several machines."),
    torch: torchSchema,
    seed: count(0, 0xffff_ffff).default(1).describe("Seed of every random stream."),
    threads: count(0, 1024)
      .default(0)
      .describe("Threads of the engine; 0: all logical cores (torch: PyTorch's own choice)."),
  })
  .superRefine((recipe, context) => {
    if (recipe.task !== undefined && recipe.data !== undefined) {
      context.addIssue({
        code: "custom",
        path: [],
        message: "give either task or data, not both",
        params: { remedy: "Take one of them out; on the command line: task=null or data=null." },
      });
    }
    if (recipe.task === undefined && recipe.data === undefined) {
      context.addIssue({
        code: "custom",
        path: [],
        message: "neither task nor data is given",
        params: { remedy: "Write task: {} for a built-in task, or data: with the paths of your files." },
      });
    }
    if (recipe.chunk.context === "staged" && (recipe.probe.chunks ?? 0) > recipe.chunk.count) {
      context.addIssue({
        code: "custom",
        path: ["probe", "chunks"],
        message: "context staged scores the training prompts, which know chunk.count stages only",
        params: { remedy: "Take chunk.context: shared, or no more probe.chunks than chunk.count." },
      });
    }
    const noDev =
      recipe.task?.dev === 0 ||
      (recipe.data !== undefined && recipe.data.dev === undefined && recipe.data.devShare === 0);
    if (noDev && recipe.train.select === "best") {
      context.addIssue({
        code: "custom",
        path: ["train", "select"],
        message: 'select "best" needs a dev split, and this recipe has none',
        params: { remedy: "Give it a dev split, or write select: last." },
      });
    }
  });

/** A checked recipe with every default filled in. Paths are absolute once load.ts has read it. */
export type Recipe = z.output<typeof recipeSchema>;
/** What a recipe file may say. */
export type RecipeInput = z.input<typeof recipeSchema>;

/** JSON Schema (draft 7, which editors read) of what a recipe file may say. */
export function recipeSchemaJson(): Record<string, unknown> {
  const schema = z.toJSONSchema(recipeSchema, { io: "input", target: "draft-7" });
  return { title: "skipthink recipe", ...schema };
}
