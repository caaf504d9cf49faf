/**
 * Text to tokens, once per rationale: the question, every step, the answer. Everything later in the method (items, chunk
 * search, probing) only concatenates these pieces, so a step has the same tokens wherever it appears.
 *
 * Text format, after Fine-tune-CoT: a decoder student reads `{question} ###` and writes ` {rationale} --> {answer}<eos>`;
 * an encoder-decoder student reads `{question}<eos>` in the encoder and writes the same in the decoder.
 */
import type { Tokenizer } from "../../students/tokenizer-interface.ts";
import type { Rationale } from "../../tasks/problem.ts";
import { inputError } from "../../util/errors.ts";

/** The tokens of one rationale, in pieces. Every step has at least one token. */
export interface EncodedRationale {
  rationaleId: string;
  /** The question with its separator, without a marker. */
  question: number[];
  /** One list per step, in order; white space between two steps is at the front of the second. */
  steps: number[][];
  /** ` -->`: what stands between the rationale and the answer. */
  arrow: number[];
  /** ` {answer}` and the end of sequence. */
  answer: number[];
}

export interface EncodeOptions {
  /** The student reads the question in an encoder (see StudentCapabilities). */
  encoderDecoder?: boolean;
}

/** Tokens a student is given before it writes, without a marker. Inference uses the same function as training. */
export function encodeQuestion(
  tokenizer: Tokenizer,
  question: string,
  options: EncodeOptions = {},
): number[] {
  return options.encoderDecoder
    ? [...tokenizer.encode(question.trim()), tokenizer.endOfSequence]
    : tokenizer.encode(`${question.trim()} ###`);
}

/** @throws SkipthinkError if a step is blank or has no tokens, because it could be neither supervised nor skipped. */
export function encodeRationale(
  tokenizer: Tokenizer,
  rationale: Pick<Rationale, "id" | "question" | "answer" | "steps">,
  options: EncodeOptions = {},
): EncodedRationale {
  const place = { key: rationale.id };
  const remedy = "Split the rationale again with skipthink's own step splitter, or leave it out.";
  if (rationale.steps.length === 0) throw inputError("A rationale has no steps.", place, remedy);
  const steps = stepPieces(rationale.steps).map((piece) => tokenizer.encode(piece));
  const empty = steps.findIndex((tokens, index) => {
    return tokens.length === 0 || rationale.steps[index]?.trim() === "";
  });
  if (empty >= 0) throw inputError(`Step ${empty + 1} of a rationale has no text.`, place, remedy);
  return {
    rationaleId: rationale.id,
    question: encodeQuestion(tokenizer, rationale.question, options),
    steps,
    arrow: tokenizer.encode(" -->"),
    answer: [...tokenizer.encode(` ${rationale.answer.trim()}`), tokenizer.endOfSequence],
  };
}

/**
 * The text of each step with white space moved to the front of the step that follows it. Byte-level tokenizers attach a
 * space to the word after it, so pieces cut this way are tokenized as the whole text would be (a tokenizer that joins
 * punctuation with a following newline differs there; training and inference agree all the same, since both use pieces).
 * The whole is trimmed and starts with one space: it follows ` ###`.
 */
export function stepPieces(steps: readonly string[]): string[] {
  let before = " ";
  return steps.map((step, index) => {
    const body = step.trim();
    const start = index === 0 ? "" : step.slice(0, step.length - step.trimStart().length);
    const piece = before + start + body;
    before = step.slice(step.trimEnd().length);
    return piece;
  });
}
