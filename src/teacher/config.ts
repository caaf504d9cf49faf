/** What a user says about a teacher, as one strict, typed tree. Reading the file and resolving paths is the command's job. */
import { z } from "zod";
import { answerKinds } from "../tasks/problem.ts";
import { tableFormats } from "../tasks/read/table.ts";

const count = (least: number, most: number) => z.int().min(least).max(most);
const fieldName = () => z.string().min(1).max(200);
const template = () => z.string().min(1).max(50_000);

export const questionPlaceholder = "{question}";

/** undici, behind the global fetch, gives up after 300 s without headers; only a stream's headers come earlier. */
const longestWholeReplySeconds = 290;

const questionSetSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, "a name has letters, digits, dots, dashes and underscores")
      .optional()
      .describe("Names the output files; without it, the file's base name."),
    file: z.string().min(1).max(4096).describe("File of questions with gold answers."),
    format: z.enum(tableFormats).optional().describe("File format; without it, the file's ending decides."),
    fields: z
      .strictObject({
        question: fieldName().default("question").describe("Field (or path, or template) of the question."),
        answer: fieldName().default("answer").describe("Field of the gold answer."),
        id: fieldName().optional().describe("Field of the id; without it, the row's position."),
      })
      .prefault({}),
    answerKind: z.enum(answerKinds).default("text").describe("How answers are read and compared."),
    caseSensitive: z
      .boolean()
      .default(true)
      .describe("Compare text answers with upper and lower case apart."),
    limit: count(1, 100_000_000).optional().describe("First so many questions only; without it, all."),
    onBadRow: z.enum(["stop", "skip"]).default("stop").describe("What to do with a row that cannot be used."),
  })
  .describe("One task: its questions and how its answers are read.");

const endpointSchema = z
  .strictObject({
    url: z
      .string()
      .min(1)
      .max(2000)
      .optional()
      .describe("Base address, e.g. http://127.0.0.1:8000/v1; without it, OPENAI_BASE_URL."),
    model: z.string().min(1).max(300).describe("Model name, as the endpoint lists it."),
    api: z.enum(["chat", "completions"]).default("chat").describe("/chat/completions or /completions."),
    keyVariable: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "give the name of an environment variable, not the key itself")
      .optional()
      .describe(
        "Environment variable that holds the API key; OPENAI_API_KEY for api.openai.com and OPENAI_BASE_URL.",
      ),
    allowHttp: z
      .boolean()
      .default(false)
      .describe("Allow plain http to another machine: questions and key travel in the clear."),
    stream: z.boolean().default(false).describe("Have the reply sent as it is written (needed above 290 s)."),
  })
  .describe("The OpenAI-compatible endpoint.");

const promptSchema = z
  .strictObject({
    form: z
      .enum(["oneStage", "twoStage"])
      .default("oneStage")
      .describe("oneStage: rationale and answer in one reply; twoStage: zero-shot-CoT, then the answer."),
    system: template().optional().describe("System message (chat only)."),
    question: template()
      .refine((text) => text.includes(questionPlaceholder), `needs the placeholder ${questionPlaceholder}`)
      .optional()
      .describe("Template of the prompt with {question}; without it, the form's own."),
    answer: template()
      .default("Therefore, the answer is")
      .describe("twoStage: what follows the rationale to bring out the answer."),
    answerMarker: z
      .string()
      .min(1)
      .max(100)
      .default("Answer:")
      .describe("oneStage: what opens the line with the answer; the rationale ends before it."),
    rationale: z
      .enum(["auto", "reasoning", "content"])
      .default("auto")
      .describe("auto: the reasoning field or <think> part where there is one, else the reply's text."),
  })
  .prefault({})
  .describe("How the teacher is asked.");

/** Parameters that the other keys set; `extra` may not. */
export const ownParameters: readonly string[] = [
  "model",
  "messages",
  "prompt",
  "stream",
  "stream_options",
  "n",
  "seed",
  "temperature",
  "top_p",
  "stop",
  "max_tokens",
  "max_completion_tokens",
  // llama.cpp's name, which it reads before max_tokens.
  "n_predict",
];

/** Have the server write several replies for the one that it sends: more than the budget sets aside. */
const multiplyingParameters: readonly string[] = ["best_of", "use_beam_search"];

const samplingSchema = z
  .strictObject({
    samples: count(1, 1000).default(1).describe("Rationales asked for per question, a request each."),
    temperature: z
      .number()
      .min(0)
      .max(2)
      .nullable()
      .default(0.7)
      .describe("null leaves it out, for models that refuse it."),
    topP: z.number().gt(0).max(1).optional().describe("Nucleus sampling."),
    maxTokens: count(1, 1_000_000).default(512).describe("Longest reply, tokens (reasoning included)."),
    answerMaxTokens: count(1, 100_000).default(32).describe("twoStage: longest answer reply, tokens."),
    maxTokensField: z
      .enum(["max_tokens", "max_completion_tokens"])
      .default("max_tokens")
      .describe("Name of the parameter; OpenAI's reasoning models want max_completion_tokens."),
    sendSeed: z
      .boolean()
      .default(true)
      .describe("Send a seed per sample; false for endpoints that refuse the parameter."),
    stop: z.array(z.string().min(1).max(100)).max(4).default([]).describe("Texts that end the reply."),
    extra: z
      .record(z.string().min(1).max(100), z.json())
      .default({})
      .superRefine((extra, context) => {
        const refuse = (name: string, message: string, remedy: string): void =>
          context.addIssue({ code: "custom", path: [name], message, params: { remedy } });
        for (const name of Object.keys(extra)) {
          if (ownParameters.includes(name)) {
            refuse(name, `"${name}" is set by another key`, "Take it out of sampling.extra.");
          }
          if (multiplyingParameters.includes(name)) {
            refuse(
              name,
              `"${name}" would cost more replies than the budget sets aside`,
              "Take it out of sampling.extra; sampling.samples asks for several replies.",
            );
          }
        }
      })
      .describe("Further request parameters, e.g. { reasoning_effort: low }."),
  })
  .prefault({})
  .describe("How replies are drawn.");

const limitsSchema = z
  .strictObject({
    concurrency: count(1, 256).default(8).describe("Requests under way at once."),
    requestsPerMinute: count(1, 1_000_000).optional().describe("Requests in any 60 s; without it, no limit."),
    tokensPerMinute: count(1, 1_000_000_000)
      .optional()
      .describe("Tokens (prompt and reply) in any 60 s; without it, no limit."),
    timeoutSeconds: z.number().min(0.1).max(3600).default(120).describe("Time-out of one attempt."),
    retries: count(0, 100).default(6).describe("Further attempts after a failure that may pass."),
    backoffSeconds: z
      .number()
      .min(0.001)
      .max(3600)
      .default(1)
      .describe("Wait before the first retry; doubles with each, half of it drawn by lot."),
    maxBackoffSeconds: z.number().min(0.001).max(3600).default(60).describe("Longest such wait."),
    maxWaitSeconds: z
      .number()
      .min(0)
      .max(86_400)
      .default(600)
      .describe("Longest time one request waits for the endpoint's rate limit (429, Retry-After)."),
    stopAfterFailures: count(1, 100_000)
      .default(10)
      .describe("Requests in a row that are given up before everything stops."),
  })
  .prefault({})
  .describe("Speed, retries and time-outs.");

const budgetSchema = z
  .strictObject({
    tokens: count(1, 1_000_000_000_000).optional().describe("Tokens at most, prompts and replies together."),
    money: z.number().positive().max(1e9).optional().describe("Money at most, in price.currency."),
  })
  .prefault({})
  .describe("All that the output folder may ever cost; asking stops before it would be passed.");

const priceSchema = z
  .strictObject({
    inputPerMillion: z.number().min(0).max(1e6).describe("Price of a million prompt tokens."),
    outputPerMillion: z.number().min(0).max(1e6).describe("Price of a million reply tokens."),
    currency: z.string().min(1).max(10).default("USD").describe("Shown with every sum."),
  })
  .describe("What the endpoint charges.");

const filterSchema = z
  .strictObject({
    answers: z
      .enum(["right", "any"])
      .default("right")
      .describe("right: only rationales whose answer is gold."),
    maxCharacters: count(1, 200_000).default(20_000).describe("Longer rationales are dropped (tooLong)."),
    duplicates: z
      .enum(["drop", "keep"])
      .default("drop")
      .describe("A rationale that a question already has, white space aside."),
  })
  .prefault({})
  .describe("Which rationales are kept.");

export const teachSchema = z
  .strictObject({
    questions: z.array(questionSetSchema).min(1).max(100).describe("The tasks: one mapping or a list."),
    endpoint: endpointSchema,
    prompt: promptSchema,
    sampling: samplingSchema,
    limits: limitsSchema,
    budget: budgetSchema,
    price: priceSchema.optional(),
    filter: filterSchema,
    seed: count(0, 0xffff_ffff).default(1).describe("Seed of the samples' seeds and of the waits."),
  })
  .superRefine((config, context) => {
    const issue = (path: string[], message: string, remedy: string): void =>
      context.addIssue({ code: "custom", path, message, params: { remedy } });
    if (config.budget.money !== undefined && config.price === undefined) {
      issue(
        ["budget", "money"],
        "a budget in money needs prices",
        "Give price: { inputPerMillion: …, outputPerMillion: … }.",
      );
    }
    if (config.endpoint.api === "completions" && config.prompt.system !== undefined) {
      issue(
        ["prompt", "system"],
        "the completions API has no system message",
        "Write it into prompt.question, or take endpoint.api: chat.",
      );
    }
    if (!config.endpoint.stream && config.limits.timeoutSeconds > longestWholeReplySeconds) {
      issue(
        ["limits", "timeoutSeconds"],
        `a reply that is not streamed can be awaited for ${longestWholeReplySeconds} s only`,
        "Set endpoint.stream: true, or lower the time-out.",
      );
    }
  });

/** A checked configuration with every default filled in. */
export type TeachConfig = z.output<typeof teachSchema>;
export type QuestionSet = TeachConfig["questions"][number];

/** JSON Schema of what a file may say; the command's errors take known keys from it. */
export function teachSchemaJson(): Record<string, unknown> {
  return z.toJSONSchema(teachSchema, { io: "input", target: "draft-7" }) as Record<string, unknown>;
}
