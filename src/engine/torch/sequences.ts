/** Token sequences as the flat arrays in which they travel to the worker. */
import { RandomStream } from "../../util/random.ts";
import type { GenerateOptions, TokenSequence } from "../engine.ts";
import type { Arrays } from "./frames.ts";

const parts = ["prompt", "context", "target"] as const;

/** `tokens`: all tokens, sequence after sequence; `prompt`, `context`, `target`: lengths of the parts, [sequences] each. */
export function packSequences(sequences: readonly TokenSequence[]): Arrays {
  return pack(sequences, parts);
}

export function packPrompts(prompts: readonly Pick<TokenSequence, "prompt" | "context">[]): Arrays {
  return pack(prompts, ["prompt", "context"]);
}

function pack<Part extends keyof TokenSequence>(
  sequences: readonly Pick<TokenSequence, Part>[],
  names: readonly Part[],
): Arrays {
  const count = sequences.reduce(
    (sum, sequence) => sum + names.reduce((inner, name) => inner + sequence[name].length, 0),
    0,
  );
  const tokens = new Int32Array(count);
  let at = 0;
  for (const sequence of sequences) {
    for (const name of names) {
      tokens.set(sequence[name], at);
      at += sequence[name].length;
    }
  }
  const lengths = names.map((name) => [name, Int32Array.from(sequences, (one) => one[name].length)] as const);
  return { tokens, ...Object.fromEntries(lengths) };
}

/** The uniform draws that the embedded engine would make, so that both engines sample the same texts. [prompts · tokens] */
export function samplingDraws(prompts: number, options: GenerateOptions): Arrays {
  if ((options.temperature ?? 0) <= 0) return {};
  const draws = new Float64Array(prompts * options.maxNewTokens);
  for (let index = 0; index < prompts; index++) {
    const random = new RandomStream(options.seed ?? 0, `generate/${index}`);
    for (let t = 0; t < options.maxNewTokens; t++) draws[index * options.maxNewTokens + t] = random.next();
  }
  return { draws };
}
