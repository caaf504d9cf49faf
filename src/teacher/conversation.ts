/**
 * How one sample comes about: which requests, each depending on the replies before it, and what is read from them. Asking,
 * putting the results together and the dry run all walk the same generator, so they cannot disagree.
 */
import { answerMarker } from "../tasks/answers/answers.ts";
import { RandomStream } from "../util/random.ts";
import { questionPlaceholder, type TeachConfig } from "./config.ts";
import { cutAnswer, cutAtArrow, rationaleOf } from "./cut-answer.ts";
import { type Reply, splitReasoning } from "./reply.ts";
import { type ChatMessage, makeRequest, type TeacherRequest } from "./request.ts";

/** What the teacher said to one question, taken apart. */
export interface Sample {
  rationale: string;
  /** Where the answer is read: after `-->` the answer alone, else a text that ends in it. */
  answerText: string;
  /** Everything as it came, for looking at. */
  text: string;
  /** The rationale was cut at the token limit. */
  truncated: boolean;
  /** The endpoint's filter kept it back. */
  filtered: boolean;
  model: string | undefined;
}

/** Templates of Kojima et al. 2022 (zero-shot-CoT) for two stages; the one-stage wording is ours. */
const defaultQuestions = {
  oneStage: (marker: string) =>
    `${questionPlaceholder}\n\nThink step by step. Then write a last line that begins with "${marker}" and holds the answer alone.`,
  twoStage: () => `Q: ${questionPlaceholder}\nA: Let's think step by step.`,
};

/** The prompt of a question. */
export function questionPrompt({ prompt }: Pick<TeachConfig, "prompt">, question: string): string {
  const template = prompt.question ?? defaultQuestions[prompt.form](prompt.answerMarker);
  return template.replaceAll(questionPlaceholder, () => question);
}

/** Yields requests, takes their replies, and ends with the sample. @param index of the sample, from 0 */
export function* converse(
  config: TeachConfig,
  question: string,
  index: number,
): Generator<TeacherRequest, Sample, Reply> {
  const { prompt, sampling, endpoint } = config;
  const seed = new RandomStream(config.seed, `teacher/sample/${index}`).nextUint32() >>> 1;
  const asked = questionPrompt(config, question);
  const system: ChatMessage[] =
    prompt.system === undefined ? [] : [{ role: "system", content: prompt.system }];
  const chat = endpoint.api === "chat";
  const first = yield makeRequest(config, chat ? [...system, { role: "user", content: asked }] : asked, {
    sample: index,
    seed,
    maxTokens: sampling.maxTokens,
    temperature: sampling.temperature,
  });
  const { reasoning, text } = splitReasoning(first);
  const whole = first.reasoning === "" ? first.content : `${first.reasoning}\n\n${first.content}`;
  const about = {
    truncated: first.finish === "length",
    filtered: first.finish === "filtered",
    model: first.model,
  };
  if (prompt.form === "oneStage") {
    // Reasoning that was never closed holds the answer, too.
    const unsaid = text === "";
    const said = unsaid ? reasoning : text;
    const { before, answer } = cutAnswer(said, prompt.answerMarker);
    const rationale = unsaid
      ? chooseRationale(prompt.rationale, before, "")
      : chooseRationale(prompt.rationale, reasoning, before);
    return {
      ...about,
      rationale,
      answerText: answer ?? said,
      text: whole,
    };
  }
  const rationale = chooseRationale(prompt.rationale, reasoning, cutAtArrow(text)?.before ?? text);
  if (about.truncated || about.filtered || rationale === "") {
    return { ...about, rationale, answerText: "", text: whole };
  }
  const given = text === "" ? rationale : text;
  const second = yield makeRequest(
    config,
    chat
      ? [
          ...system,
          { role: "user", content: asked },
          { role: "assistant", content: given },
          { role: "user", content: prompt.answer },
        ]
      : `${asked}${/^\s/.test(first.content) ? "" : " "}${first.content.trimEnd()}\n${prompt.answer}`,
    {
      sample: index,
      seed,
      maxTokens: sampling.answerMaxTokens,
      temperature: sampling.temperature === null ? null : 0,
    },
  );
  const answer = splitReasoning(second).text;
  return {
    ...about,
    filtered: second.finish === "filtered",
    rationale,
    answerText: `${answerMarker} ${withoutEcho(answer, prompt.answer)}`,
    text: `${whole}\n${prompt.answer} ${answer}`,
  };
}

/** Chat models like to repeat the phrase that asks for the answer. */
function withoutEcho(answer: string, phrase: string): string {
  return answer.toLowerCase().startsWith(phrase.toLowerCase())
    ? answer.slice(phrase.length).replace(/^\s*:/, "")
    : answer;
}

function chooseRationale(
  choice: TeachConfig["prompt"]["rationale"],
  reasoning: string,
  content: string,
): string {
  const useReasoning = choice === "reasoning" || (choice === "auto" && reasoning !== "");
  return rationaleOf(useReasoning ? reasoning : content);
}
