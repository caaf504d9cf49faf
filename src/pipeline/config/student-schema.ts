/** The section `student:` of a recipe: a pretrained model or random weights, and whether all of them are trained. */
import { z } from "zod";
import { count, filePath } from "./values.ts";

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

export const studentSchema = z
  .strictObject({
    model: filePath()
      .nullable()
      .optional()
      .describe(
        'Folder in Hugging Face layout, "hf:owner/name@revision" (a model of the hub), or "builtin:base" (the default unless `random` is given).',
      ),
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
