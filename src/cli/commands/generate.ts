/** `skipthink generate`: a trained student answers one question, its steps one per line as they come. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { z } from "zod";
import type { Student } from "../../engine/engine.ts";
import { onnxEngine } from "../../engine/onnx/student.ts";
import { inferencePrompt, type MethodName, methodNames } from "../../method/baselines/plan.ts";
import { generateStaged } from "../../method/inference/staged.ts";
import { encodeQuestion } from "../../method/items/encode.ts";
import { findMarkers, type Markers, outsideAnswers } from "../../method/items/markers.ts";
import { splitSteps } from "../../rationale/split.ts";
import { checkJson, parseJson, readTextIfThere } from "../../students/json-file.ts";
import { TextStream } from "../../students/text-stream.ts";
import { loadTokenizer } from "../../students/tokenizer.ts";
import { checkTokenizerFits } from "../../students/tokenizer-fit.ts";
import type { Tokenizer } from "../../students/tokenizer-interface.ts";
import { answerMarker, readAnswer } from "../../tasks/answers/answers.ts";
import { answerKinds } from "../../tasks/problem.ts";
import { inputError } from "../../util/errors.ts";
import { type CliIo, printJson } from "../io.ts";
import { stripControlCharacters } from "../terminal/sanitize.ts";
import { addOutputOptions, addThreadsOption, methodOf, type OutputOptions, wholeNumber } from "./options.ts";
import { studentArgument, studentFolder } from "./student-folder.ts";
import { LineWriter } from "./text-stream.ts";

interface GenerateOptions extends OutputOptions {
  method?: MethodName;
  staged?: boolean;
  maxNewTokens?: number;
  temperature: number;
  seed: number;
  threads: number;
}

/** skipthink.json of a trained student. */
const cardSchema = z.object({
  method: z.enum(methodNames).optional(),
  usesMarkers: z.boolean(),
  prefix: z.literal("label").optional(),
  chunks: z.int().min(0).max(64),
  answerKind: z.enum(answerKinds),
  caseSensitive: z.boolean(),
  maxNewTokens: z.int().min(1).max(131_072),
});
type Card = z.infer<typeof cardSchema>;

/** A model that no run has trained is asked without marker and prefix, as `serve` does. */
const plainCard: Card = {
  usesMarkers: false,
  chunks: 0,
  answerKind: "text",
  caseSensitive: true,
  maxNewTokens: 256,
};

export function registerGenerate(program: Command, io: CliIo): void {
  const command = program
    .command("generate")
    .description("let a trained student answer a question; its tokens are printed as they come")
    .argument("<student>", studentArgument)
    .argument("<question>", 'the question; "-" reads it from standard input')
    .option("--method <name>", "student of a run folder", methodOf)
    .option("--staged", "chunk after chunk, each under its marker (chunk-wise students)")
    .option("--max-new-tokens <number>", "longest text (default: the recipe's)", wholeNumber(1, 131_072))
    .option("--temperature <number>", "0 takes the likeliest token; above, tokens are drawn", temperature, 0)
    .option("--seed <number>", "seed of the draws", wholeNumber(0, 0xffff_ffff), 1);
  addOutputOptions(addThreadsOption(command, 0))
    .addHelpText(
      "after",
      `
Examples:
  $ skipthink generate runs/demo-1/students/stt "Ann has the red ball …"
  $ skipthink generate runs/demo-1 --method cwt-sbc --staged "Ann has the red ball …"
  $ skipthink generate runs/demo-1 --method full --json - < question.txt`,
    )
    .action(async (path: string, question: string, options: GenerateOptions) => {
      const folder = await studentFolder(path, options.method);
      const card = await readCard(folder);
      if (options.staged && card.chunks === 0) {
        throw inputError(
          `${card.method === undefined ? "a model that no run has trained" : `a student trained as ${card.method}`} knows no chunks`,
          { file: folder, key: "--staged" },
          "Leave --staged out, or take a student of cwt-ac or cwt-sbc.",
        );
      }
      const text = (question === "-" ? await io.readStdin() : question).trim();
      if (text === "") throw inputError("the question is empty", {}, "Give a question.");
      const tokenizer = await loadTokenizer(folder);
      const student = await onnxEngine.open(folder, { threads: options.threads });
      try {
        checkTokenizerFits(tokenizer, student.capabilities(), folder);
        await answer({ student, tokenizer, card, folder, question: text }, options, io);
      } finally {
        await student.close();
      }
    });
}

interface Asked {
  student: Student;
  tokenizer: Tokenizer;
  card: Card;
  folder: string;
  question: string;
}

async function answer(asked: Asked, options: GenerateOptions, io: CliIo): Promise<void> {
  const { student, tokenizer, card, question } = asked;
  const asksPlainly = !card.usesMarkers && card.prefix === undefined;
  const markers = asksPlainly ? undefined : findMarkers(tokenizer, card.chunks);
  const encoded = encodeQuestion(tokenizer, question, student.capabilities());
  const { contextLength } = student.capabilities();
  if (encoded.length + 2 > contextLength) {
    throw inputError(
      `the question has ${encoded.length} tokens, the student's context holds ${contextLength}`,
      { file: asked.folder },
      "Ask a shorter question.",
    );
  }
  const lines = new LineWriter(options.json ? { write: () => undefined } : io.stdout);
  const started = performance.now();
  const { parts, text, tokens, finished } = options.staged
    ? await writeStaged(asked, encoded, markers!, options, lines)
    : await writeWhole(asked, encoded, markers, options, lines);
  const seconds = (performance.now() - started) / 1000;
  lines.end();
  const read = readAnswer(card.answerKind, text);
  if (options.json) {
    const kind = options.staged ? "chunks" : "steps";
    printJson(io, {
      student: asked.folder,
      method: card.method ?? null,
      question,
      text,
      [kind]: parts,
      answer: read ?? null,
      tokens,
      seconds,
      finished,
    });
    return;
  }
  io.stdout.write(`answer: ${read === undefined ? "none could be read" : stripControlCharacters(read)}\n`);
  if (!finished && !options.quiet) io.stderr.write("the text was cut off: see --max-new-tokens\n");
}

interface Written {
  parts: string[];
  text: string;
  tokens: number;
  finished: boolean;
}

/** One prompt; a new line begins wherever the step splitter sees a new step in what has come so far. */
async function writeWhole(
  { student, tokenizer, card }: Asked,
  encoded: readonly number[],
  markers: Markers | undefined,
  options: GenerateOptions,
  lines: LineWriter,
): Promise<Written> {
  const prompt = markers === undefined ? [...encoded] : inferencePrompt(card, encoded, markers);
  const stream = new TextStream(tokenizer);
  const show = (fresh: string): void => {
    const before = stream.text.length - fresh.length;
    let from = before;
    for (const start of partStarts(stream.text)) {
      if (start <= before || start >= stream.text.length) continue;
      lines.write(stream.text.slice(from, start));
      lines.breakLine();
      from = start;
    }
    lines.write(stream.text.slice(from));
  };
  const [generation] = await student.generate([{ prompt, context: [] }], {
    maxNewTokens: options.maxNewTokens ?? card.maxNewTokens,
    stopTokens: [tokenizer.endOfSequence],
    suppressTokens: outsideAnswers(markers),
    temperature: options.temperature,
    seed: options.seed,
    batchSize: 1,
    onToken: (_sequence, token) => show(stream.push(token)),
  });
  show(stream.flush());
  const { tokens, stopped } = generation!;
  const rationale = stream.text.split(answerMarker)[0]!;
  return {
    parts: splitSteps(rationale)
      .map((step) => step.trim())
      .filter((step) => step !== ""),
    text: stream.text,
    tokens: tokens.length,
    finished: stopped,
  };
}

/** Where steps begin, and the answer after the last one. */
function partStarts(text: string): number[] {
  const marker = text.indexOf(answerMarker);
  const rationale = marker < 0 ? text : text.slice(0, marker);
  let at = 0;
  const starts = splitSteps(rationale).map((step) => {
    at += step.length;
    return at - step.length;
  });
  return marker < 0 ? starts : [...starts, marker];
}

/** One prompt per chunk, each chunk on a line under its marker. */
async function writeStaged(
  { student, tokenizer, card }: Asked,
  encoded: readonly number[],
  markers: Markers,
  options: GenerateOptions,
  lines: LineWriter,
): Promise<Written> {
  const arrow = tokenizer.encode(` ${answerMarker}`);
  let stream = new TextStream(tokenizer);
  let current: number | "answer" | undefined;
  const generation = await generateStaged(student, encoded, markers, {
    arrow,
    endOfSequence: tokenizer.endOfSequence,
    maxNewTokens: options.maxNewTokens ?? card.maxNewTokens,
    temperature: options.temperature,
    seed: options.seed,
    onToken(stage, token) {
      if (stage !== current) {
        lines.write(stream.flush());
        stream = new TextStream(tokenizer);
        lines.breakLine();
        lines.write(stage === "answer" ? answerMarker : `[${stage}]`);
        current = stage;
      }
      lines.write(stream.push(token));
    },
  });
  lines.write(stream.flush());
  const chunks = generation.chunks.map((chunk) => tokenizer.decode(chunk));
  return {
    parts: chunks.map((chunk) => chunk.trim()),
    text: `${chunks.join("")} ${answerMarker}${tokenizer.decode(generation.answer)}`,
    tokens: generation.tokens,
    finished: generation.finished,
  };
}

function temperature(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 100) return value;
  throw new InvalidArgumentError("Give a number from 0 to 100.");
}

async function readCard(folder: string): Promise<Card> {
  const file = join(folder, "skipthink.json");
  const text = await readTextIfThere(file);
  if (text !== undefined) return checkJson(parseJson(text, file), cardSchema, file);
  if (existsSync(join(folder, "config.json"))) return plainCard;
  throw inputError(
    "that folder holds no model: it has neither skipthink.json nor config.json",
    { file: folder },
    "Give a folder such as runs/demo-1/students/stt.",
  );
}
