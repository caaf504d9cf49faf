/** A model folder opened for serving: weights, tokenizer, and how the student is asked. */
import { join } from "node:path";
import { z } from "zod";
import type { Student } from "../engine/engine.ts";
import { onnxEngine } from "../engine/onnx/student.ts";
import { inferencePrompt } from "../method/baselines/plan.ts";
import { encodeQuestion } from "../method/items/encode.ts";
import { findMarkers, outsideAnswers } from "../method/items/markers.ts";
import { readJsonIfThere } from "../students/json-file.ts";
import { loadTokenizer } from "../students/tokenizer.ts";
import { checkTokenizerFits } from "../students/tokenizer-fit.ts";
import type { Tokenizer } from "../students/tokenizer-interface.ts";

/** What is used of skipthink.json; a plain model folder has none and is asked without marker and prefix. */
const cardSchema = z.object({
  usesMarkers: z.boolean(),
  prefix: z.literal("label").optional(),
  chunks: z.int().min(0).max(64),
  maxNewTokens: z.int().min(1).max(131_072),
});
const plainCard: z.infer<typeof cardSchema> = { usesMarkers: false, chunks: 0, maxNewTokens: 256 };

export interface ServedStudent {
  student: Student;
  tokenizer: Tokenizer;
  /** Tokens that no reply holds: the markers, if the student is asked with one or with a prefix. */
  suppressTokens: readonly number[];
  /** Longest reply where a request names none, tokens. */
  maxNewTokens: number;
  /** Tokens that a question is put as: marker or prefix, if the student is asked with one, question and separator. */
  questionPrompt(question: string): number[];
  /** Tokens of a prompt that the student goes on with as it stands, behind the same marker or prefix. */
  rawPrompt(prompt: string): number[];
}

/** @throws SkipthinkError (exit 2) for a folder that holds no model, or one with another model's tokenizer */
export async function openServedStudent(
  folder: string,
  options: { threads?: number } = {},
): Promise<ServedStudent> {
  const card = (await readJsonIfThere(join(folder, "skipthink.json"), cardSchema)) ?? plainCard;
  const tokenizer = await loadTokenizer(folder);
  const asksPlainly = !card.usesMarkers && card.prefix === undefined;
  const markers = asksPlainly ? undefined : findMarkers(tokenizer, card.chunks);
  const asked = (tokens: readonly number[]): number[] =>
    markers === undefined ? [...tokens] : inferencePrompt(card, tokens, markers);
  const student = await onnxEngine.open(folder, { threads: options.threads ?? 0 });
  const capabilities = student.capabilities();
  try {
    checkTokenizerFits(tokenizer, capabilities, folder);
  } catch (error) {
    await student.close();
    throw error;
  }
  const { encoderDecoder } = capabilities;
  return {
    student,
    tokenizer,
    suppressTokens: outsideAnswers(markers),
    maxNewTokens: card.maxNewTokens,
    questionPrompt: (question) => asked(encodeQuestion(tokenizer, question, { encoderDecoder })),
    rawPrompt: (prompt) => asked(tokenizer.encode(prompt)),
  };
}
