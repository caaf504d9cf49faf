/** Lets a student answer problems and compares: accuracy, tokens, seconds. */
import type { Student } from "../engine/engine.ts";
import { inferencePrompt } from "../method/baselines/plan.ts";
import { encodeQuestion } from "../method/items/encode.ts";
import { type Markers, outsideAnswers } from "../method/items/markers.ts";
import type { Tokenizer } from "../students/tokenizer-interface.ts";
import { answersEqual, readAnswer } from "../tasks/answers/answers.ts";
import type { AnswerKind, Problem } from "../tasks/problem.ts";
import { mean } from "../util/mean.ts";
import { median } from "./statistics.ts";

/** One line of the samples file. */
export interface Sample {
  id: string;
  question: string;
  /** Gold answer. */
  answer: string;
  /** What the student wrote, special tokens left out. */
  text: string;
  /** Answer read from it; undefined if there is none. */
  predicted: string | undefined;
  correct: boolean;
  /** Generated tokens, the end of sequence included. */
  tokens: number;
  /** false: the token limit or the end of the context came before the end of sequence. */
  finished: boolean;
  /** Seconds alone (batch 1), where measured. */
  seconds?: number;
}

/** Problems that were decoded in one call, and how long that took. */
export interface EvaluatedBlock {
  samples: Sample[];
  seconds: number;
}

export interface Evaluation {
  samples: Sample[];
  accuracy: number;
  /** Share of texts that were cut off at the token limit or at the end of the context. */
  unfinished: number;
  meanGeneratedTokens: number;
  /** Median over the problems that were solved one at a time; undefined if there were none. */
  secondsPerProblem: number | undefined;
  secondsPerProblemBatched: number;
}

export interface EvaluateOptions {
  tokenizer: Tokenizer;
  markers: Markers;
  usesMarkers: boolean;
  /** As in MethodPlan. */
  prefix?: "label" | undefined;
  answerKind: AnswerKind;
  caseSensitive: boolean;
  maxNewTokens: number;
  batchSize: number;
  /** Solve this many problems again, one at a time, to measure latency. */
  latencyProblems: number;
  /** Blocks of an earlier try on the same problems, from the first on. */
  earlier?: readonly EvaluatedBlock[];
  /** Called with each block that is decoded, and the number of problems done. */
  onBlock?: (block: EvaluatedBlock, done: number) => Promise<void>;
}

/** Problems decoded between two reports. */
const problemsPerCall = 128;

export async function evaluateStudent(
  student: Student,
  problems: readonly Problem[],
  options: EvaluateOptions,
): Promise<Evaluation> {
  const { tokenizer, answerKind } = options;
  const prompts = problems.map(({ question }) => ({
    prompt: inferencePrompt(
      options,
      encodeQuestion(tokenizer, question, student.capabilities()),
      options.markers,
    ),
    context: [],
  }));
  const settings = {
    maxNewTokens: options.maxNewTokens,
    stopTokens: [tokenizer.endOfSequence],
    suppressTokens: outsideAnswers(options.markers),
  };
  const blocks = [...(options.earlier ?? [])];
  const samples = blocks.flatMap((block) => block.samples);
  for (let from = samples.length; from < problems.length; from += problemsPerCall) {
    const started = performance.now();
    const part = await student.generate(prompts.slice(from, from + problemsPerCall), {
      ...settings,
      batchSize: options.batchSize,
    });
    const seconds = (performance.now() - started) / 1000;
    const found = part.map(({ tokens, stopped }, i): Sample => {
      const problem = problems[from + i]!;
      const text = tokenizer.decode(tokens);
      const predicted = readAnswer(answerKind, text);
      const correct = answersEqual(answerKind, predicted, problem.answer, options);
      return { ...problem, text, predicted, correct, tokens: tokens.length, finished: stopped };
    });
    blocks.push({ samples: found, seconds });
    samples.push(...found);
    await options.onBlock?.(blocks.at(-1)!, samples.length);
  }
  // The sample is spread over the test set, so that no order of difficulty in the file colours it.
  const count = Math.min(options.latencyProblems, problems.length);
  const seconds: number[] = [];
  for (let k = 0; k < count; k++) {
    const index = Math.floor((k * problems.length) / count);
    const started = performance.now();
    await student.generate([prompts[index]!], { ...settings, batchSize: 1 });
    const elapsed = (performance.now() - started) / 1000;
    seconds.push(elapsed);
    samples[index]!.seconds = elapsed;
  }
  return {
    samples,
    accuracy: mean(samples.map(({ correct }) => (correct ? 1 : 0))),
    unfinished: mean(samples.map(({ finished }) => (finished ? 0 : 1))),
    meanGeneratedTokens: mean(samples.map(({ tokens }) => tokens)),
    secondsPerProblem: seconds.length > 0 ? median(seconds) : undefined,
    secondsPerProblemBatched: blocks.reduce((sum, block) => sum + block.seconds, 0) / problems.length,
  };
}
