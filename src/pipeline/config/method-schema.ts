/** The sections `chunk:`, `items:` and `probe:` of a recipe: the choices of the method itself. */
import { z } from "zod";
import { count, share } from "./values.ts";

export const chunkSchema = z
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
  .describe("Chunking (docs/method.md §3).");

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

export const itemsSchema = z
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
  .describe("Training items (docs/method.md §4).");

export const probeSchema = z
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
      .default("shown")
      .describe(
        "Whether the chunk that states the answer stands in the probe's context; with criterion answer take hidden.",
      ),
    criterion: z
      .enum(["answer", "continuation"])
      .default("continuation")
      .describe(
        "What must hold without a chunk: answer (the paper's): the answer stays right; continuation: it does, and no later chunk is harder to write.",
      ),
    maxNllRise: z
      .number()
      .min(0)
      .max(100)
      .default(0.25)
      .describe(
        "criterion continuation: how much one removal may raise the mean NLL per token of a later chunk, nats; several removals may add up.",
      ),
  })
  .prefault({})
  .describe("Skip probing (docs/method.md §5).");
