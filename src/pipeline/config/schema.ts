/**
 * The recipe: every choice of a run as one strict, typed tree. Each value has a description, bounds and a default, so the
 * shortest recipe is `task: {}`. Unknown keys are refused. Reading files, overrides and paths is load.ts's job.
 */
import { z } from "zod";
import { methodNames } from "../../method/baselines/plan.ts";
import { builtinTaskNames } from "../../tasks/builtin/index.ts";
import { answerKinds } from "../../tasks/problem.ts";
import { experimentSchema } from "./experiment.ts";
import { withPrerequisites } from "./methods.ts";

const count = (least: number, most: number) => z.int().min(least).max(most);
const share = () => z.number().min(0).max(1);
const filePath = () => z.string().min(1).max(4096);
const fieldName = () => z.string().min(1).max(200);

const taskSchema = z
  .strictObject({
    builtin: z
      .enum(builtinTaskNames)
      .default("tracking_shuffled_objects")
      .describe("Name of the built-in problem generator."),
    train: count(1, 1_000_000).default(400).describe("Training problems to generate."),
    dev: count(0, 100_000).default(50).describe("Development problems: the epoch is chosen on them."),
    test: count(1, 100_000).default(200).describe("Test problems; never used to choose anything."),
    wordiness: z
      .number()
      .min(0)
      .max(0.8)
      .default(0.5)
      .describe(
        "Share of a rationale's words that neither reason nor answer: restatements, checks, summaries.",
      ),
    difficulty: count(1, 3)
      .default(1)
      .describe("How many moves or operations a question has: 1 few, 3 many."),
    rationalesPerProblem: count(1, 16).default(1).describe("Teacher rationales per training problem."),
  })
  .describe("Problems and rationales from a built-in generator.");

const fieldsSchema = z
  .strictObject({
    question: fieldName().default("question").describe("Field that holds the question."),
    rationale: fieldName().default("rationale").describe("Field that holds the teacher's rationale."),
    answer: fieldName().default("answer").describe("Field that holds the gold answer."),
    id: fieldName().optional().describe("Field that holds the problem's id; without it, the row's position."),
  })
  .prefault({})
  .describe("Names of the fields in the training and development rows.");

const testFieldsSchema = z
  .strictObject({
    question: fieldName().optional().describe("Field of the question in the test rows."),
    rationale: fieldName().optional().describe("Field of the rationale in the test rows (not needed)."),
    answer: fieldName().optional().describe("Field of the gold answer in the test rows."),
    id: fieldName().optional().describe("Field of the id in the test rows."),
  })
  .prefault({})
  .describe("Field names of the test rows where they differ from `fields`.");

const publishedSchema = z.strictObject({
  method: z.string().min(1).max(200).describe("Method, as the source calls it."),
  model: z.string().min(1).max(200).describe("Model and size."),
  accuracy: share().describe("Accuracy as a share: 0.387 for 38.7 %."),
  source: z.string().min(1).max(500).describe("Where the figure was published."),
});

const dataSchema = z
  .strictObject({
    train: filePath().describe("Training file: one rationale per row."),
    dev: filePath().optional().describe("Development file; without it, a share of the training problems."),
    test: filePath().optional().describe("Test file; without it, a share of the training problems."),
    format: z
      .enum(["jsonl", "json", "csv", "parquet"])
      .optional()
      .describe("File format; without it, the ending of each file's name decides."),
    fields: fieldsSchema,
    testFields: testFieldsSchema,
    answerKind: z
      .enum(answerKinds)
      .default("text")
      .describe("How an answer is read from the student's text and compared with gold."),
    caseSensitive: z
      .boolean()
      .default(true)
      .describe("Compare text answers with upper and lower case apart."),
    devShare: z
      .number()
      .min(0)
      .max(0.5)
      .default(0.1)
      .describe("Share of the training problems held out for development, where there is no dev file."),
    testShare: z
      .number()
      .min(0.01)
      .max(0.5)
      .default(0.2)
      .describe("Share of the problems held out for the test, where there is no test file."),
    maxRationalesPerProblem: count(1, 1000)
      .optional()
      .describe("Rationales kept per problem, first ones first; without it, all."),
    limitTrain: count(1, 100_000_000).optional().describe("Training problems used at most; without it, all."),
    limitTest: count(1, 100_000_000).optional().describe("Test problems used at most; without it, all."),
    onBadRow: z
      .enum(["stop", "skip"])
      .default("stop")
      .describe("What to do with a row that lacks a field or cannot be read; skipped rows are counted."),
    chance: share().optional().describe("Accuracy of guessing, drawn in the report as a line."),
    published: z
      .array(publishedSchema)
      .max(50)
      .default([])
      .describe("Published figures on the same data, shown in the report beside the run's own."),
  })
  .superRefine((data, context) => {
    const heldOut =
      (data.dev === undefined ? data.devShare : 0) + (data.test === undefined ? data.testShare : 0);
    if (heldOut > 0.9) {
      context.addIssue({
        code: "custom",
        path: ["devShare"],
        message: "devShare and testShare together hold out more than 90 % of the problems",
      });
    }
  })
  .describe("Problems and rationales from the user's files.");

const randomStudentSchema = z
  .strictObject({
    layers: count(1, 64).default(4).describe("Transformer blocks."),
    width: count(8, 8192).default(256).describe("Width of the hidden state; a multiple of heads."),
    heads: count(1, 128).default(4).describe("Attention heads."),
    contextLength: count(16, 131_072).default(512).describe("Longest sequence, tokens."),
    vocabularySize: count(64, 262_144).default(4096).describe("Size of the vocabulary, tokens."),
  })
  .superRefine((random, context) => {
    if (random.width % random.heads !== 0) {
      context.addIssue({
        code: "custom",
        path: ["width"],
        message: `width ${random.width} is not a multiple of heads ${random.heads}`,
      });
    }
  })
  .describe("A student with random weights, trained from scratch.");

const loraSchema = z
  .strictObject({
    rank: count(1, 1024).default(8).describe("Inner size of the adapters."),
    alpha: z
      .number()
      .positive()
      .max(100_000)
      .default(16)
      .describe("The adapters' product counts alpha / rank times."),
    targets: z
      .array(z.string().min(1).max(200))
      .min(1)
      .max(200)
      .default(["all-linear"])
      .describe(
        "Layers by the ends of their names, such as q_proj, v_proj or c_attn; all-linear: every one.",
      ),
  })
  .describe(
    "LoRA: train small adapters and the markers' embeddings, and keep all other weights. Without it, all weights are trained.",
  );

const studentSchema = z
  .strictObject({
    model: filePath()
      .nullable()
      .optional()
      .describe('Folder in Hugging Face layout, or "builtin:base" (the default unless `random` is given).'),
    random: randomStudentSchema.optional(),
    lora: loraSchema.optional(),
  })
  .superRefine((student, context) => {
    const hasModel = student.model !== undefined && student.model !== null;
    if (hasModel && student.random !== undefined) {
      context.addIssue({
        code: "custom",
        path: [],
        message: "give either model or random, not both",
        params: {
          remedy: "Take one of them out; on the command line: student.model=null or student.random=null.",
        },
      });
    }
    if (student.lora !== undefined && student.random !== undefined) {
      context.addIssue({
        code: "custom",
        path: ["lora"],
        message: "random weights are of no use frozen",
        params: { remedy: "Name a pretrained model, or take lora out." },
      });
    }
    if (student.model === null && student.random === undefined) {
      context.addIssue({
        code: "custom",
        path: ["model"],
        message: "model is null and there is no random",
        params: { remedy: "Name a model folder, or write random: {} to train from scratch." },
      });
    }
  })
  .transform((student) => ({
    ...student,
    model: student.model ?? (student.random === undefined ? "builtin:base" : null),
  }))
  .prefault({})
  .describe("The student that every method starts from.");

const chunkSchema = z
  .strictObject({
    count: count(1, 64).default(4).describe("Chunks per rationale, M; fewer where it has fewer steps."),
    search: z
      .enum(["exact", "greedy"])
      .default("exact")
      .describe("exact: global minimum by dynamic programming; greedy: the paper's boundary sweeps."),
    context: z
      .enum(["shared", "staged"])
      .default("shared")
      .describe("shared: one forward pass per rationale; staged: each candidate in its training prompt."),
    sharedMarker: z
      .enum(["answer", "last"])
      .default("answer")
      .describe("Marker before the question in the shared pass: the answer task's or the last stage's."),
    maxSweeps: count(1, 1000).default(20).describe("Sweeps of the greedy search at most."),
    warmUpEpochs: count(0, 1000).default(1).describe("Epochs on average chunks before the first search."),
    everyEpochs: count(1, 1000).default(1).describe("Epochs between two searches."),
  })
  .prefault({})
  .describe("Chunking (METHOD §3).");

const icotSchema = z
  .strictObject({
    from: share().default(0.1).describe("Share of the budget up to which rationales are whole."),
    until: share().default(0.7).describe("Share of the budget from which no rationale is left."),
    smoothing: z
      .number()
      .min(0)
      .max(1000)
      .default(4)
      .describe("λ of removal smoothing: o more tokens go with a probability ∝ e^(-λo); 0 switches it off."),
  })
  .superRefine((icot, context) => {
    if (icot.from > icot.until) {
      context.addIssue({
        code: "custom",
        path: ["until"],
        message: `until ${icot.until} lies before from ${icot.from}`,
        params: { remedy: "Take a larger until, at most 1." },
      });
    }
  })
  .prefault({})
  .describe("icot: when the rationale's leading tokens go.");

const itemsSchema = z
  .strictObject({
    stageWeight: z.number().min(0).max(1000).default(1).describe("Loss weight of the stage items."),
    answerWeight: z.number().positive().max(1000).default(1).describe("Loss weight of the answer items."),
    schedule: z
      .enum(["shuffled", "roundRobin", "curriculum"])
      .default("shuffled")
      .describe("Order of the batches in an epoch; every batch holds one stage."),
    sttItems: z
      .enum(["answer", "all"])
      .default("answer")
      .describe("Items that skip-thinking training trains on: the answer item only, or the stages too."),
    labelWeight: share()
      .default(0.5)
      .describe("step-by-step: weight α of the label task; the rationale task has 1 - α."),
    icot: icotSchema,
    tooLong: z
      .enum(["stop", "drop"])
      .default("stop")
      .describe("What to do with an item longer than the student's context; dropped ones are counted."),
  })
  .prefault({})
  .describe("Training items (METHOD §4).");

const probeSchema = z
  .strictObject({
    chunks: count(1, 64)
      .optional()
      .describe(
        "Chunks per rationale for probing, where they should be finer than chunk.count; without it, chunk.count.",
      ),
    decision: z
      .enum(["cumulative", "independent"])
      .default("cumulative")
      .describe("cumulative: a removal counts given all removals so far; independent: each on its own."),
    verdict: z
      .enum(["forced", "generate"])
      .default("forced")
      .describe("How the student's answer is judged: one teacher-forced pass, or greedy decoding."),
    onWrong: z
      .enum(["keep", "drop"])
      .default("keep")
      .describe(
        "A rationale whose answer the student gets wrong even when whole: keep it whole, or drop it.",
      ),
    answerChunk: z
      .enum(["hidden", "shown"])
      .default("hidden")
      .describe("Whether the chunk that states the answer stands in the probe's context."),
    criterion: z
      .enum(["answer", "continuation"])
      .default("answer")
      .describe("A chunk is skippable when the answer stays right, or when what follows stays as likely."),
    maxNllRise: z
      .number()
      .min(0)
      .max(100)
      .default(0.1)
      .describe("criterion continuation: largest allowed rise of the mean NLL per token, nats."),
  })
  .prefault({})
  .describe("Skip probing (METHOD §5).");

const budgetShape = {
  unit: z
    .enum(["epochs", "optimizerSteps", "trainedTokens"])
    .default("epochs")
    .describe("What the budget counts; trainedTokens are target tokens that carry loss."),
  amount: count(1, 1_000_000_000_000).default(5).describe("How many of the unit."),
};
const budgetSchema = z.strictObject(budgetShape).superRefine((budget, context) => {
  // Catches a unit changed without its amount: five tokens are no training.
  if (budget.unit === "trainedTokens" && budget.amount < 100) {
    context.addIssue({ code: "custom", path: ["amount"], message: "fewer than 100 tokens are no training" });
  }
});
const methodSchema = z.enum(methodNames);
const learningRate = () => z.number().positive().max(1);

const trainSchema = z
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
    threads: count(0, 1024).default(0).describe("Threads of the engine; 0: as many as physical cores."),
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
    if (recipe.student.lora !== undefined && recipe.engine !== "onnx") {
      context.addIssue({
        code: "custom",
        path: ["student", "lora"],
        message: `engine ${recipe.engine} trains all weights of a student`,
        params: { remedy: "Take engine: onnx, or take lora out." },
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
