/**
 * Students of random small configurations of every family, held against themselves: decoding with a cache, alone or together,
 * must choose what a full forward pass over the finished sequence finds best.
 */
import { expect, test } from "vitest";
import { findFamily } from "../../src/students/families/index.ts";
import { RandomStream } from "../../src/util/random.ts";
import { openStudent, writeTiny } from "./tiny-student.ts";

const draws = 10;
const contextLength = 40;
const newTokens = 12;
/** Two tokens closer than this may change places by the rounding of float32. */
const tie = 1e-4;

type Draw = (random: RandomStream) => Record<string, unknown>;

const pick = <T>(random: RandomStream, values: readonly T[]): T => values[random.below(values.length)]!;
const flip = (random: RandomStream) => random.below(2) === 1;

const decoder = (random: RandomStream) => {
  const groups = pick(random, [1, 2, 3]);
  const keyValueHeads = pick(random, [1, 2, 3]);
  return {
    vocab_size: 11 + random.below(40),
    max_position_embeddings: contextLength,
    num_hidden_layers: 1 + random.below(2),
    num_attention_heads: groups * keyValueHeads,
    num_key_value_heads: keyValueHeads,
    intermediate_size: 5 + random.below(40),
    rms_norm_eps: pick(random, [1e-6, 1e-5, 1e-3]),
    rope_theta: pick(random, [100, 10_000, 1_000_000]),
    tie_word_embeddings: flip(random),
    initializer_range: 0.3,
  };
};

const scalings = [
  null,
  { type: "linear", factor: 3 },
  {
    rope_type: "llama3",
    factor: 4,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 16,
  },
];

const llama: Draw = (random) => ({
  ...decoder(random),
  hidden_size: 7 + random.below(30),
  head_dim: 2 * (1 + random.below(6)),
  attention_bias: flip(random),
  mlp_bias: flip(random),
  rope_scaling: pick(random, scalings),
});

const drawn: Record<string, Draw> = {
  gpt2: (random) => {
    const heads = pick(random, [1, 2, 3, 5]);
    return {
      vocab_size: 11 + random.below(40),
      n_positions: contextLength,
      n_embd: heads * (1 + random.below(10)),
      n_layer: 1 + random.below(2),
      n_head: heads,
      n_inner: flip(random) ? null : 5 + random.below(40),
      tie_word_embeddings: flip(random),
      initializer_range: 0.3,
    };
  },
  llama,
  qwen2: llama,
  phi3: (random) => {
    const config = decoder(random);
    const half = 1 + random.below(6);
    const factors = () => Array.from({ length: half }, () => 1 + 3 * random.next());
    const long = flip(random);
    return {
      ...config,
      hidden_size: config.num_attention_heads * 2 * half,
      max_position_embeddings: long ? 8 * contextLength : contextLength,
      original_max_position_embeddings: contextLength,
      rope_scaling: long ? { type: "longrope", short_factor: factors(), long_factor: factors() } : null,
    };
  },
};

test.each(Object.keys(drawn))("%s: cached decoding agrees with full forward passes", async (family) => {
  const random = new RandomStream(3, `random-configs/${family}`);
  let compared = 0;
  for (let draw = 0; draw < draws; draw++) {
    const config = { model_type: family, ...drawn[family]!(random) };
    const place = `draw ${draw}: ${JSON.stringify(config)}`;
    const entry = findFamily(family, "config.json");
    const { parameterShapes, shape } = entry.create(config, "config.json");
    const parameters = entry.initialize(config, "config.json", draw);
    const tensors = [...parameters].map(([name, data]) => ({
      name,
      shape: [...parameterShapes.get(name)!],
      data,
    }));
    const student = await openStudent(await writeTiny({ config, tensors }));
    expect(student.capabilities(), place).toMatchObject({ family, contextLength });

    // The last prompt meets the end of the context before all its new tokens.
    const prompts = [1, 9, 4, contextLength - newTokens + 3].map((length) => ({
      prompt: Array.from({ length }, () => random.below(shape.vocabularySize)),
      context: [],
    }));
    const options = { maxNewTokens: newTokens, stopTokens: [] };
    const together = await student.generate(prompts, { ...options, batchSize: prompts.length });
    const alone = await student.generate(prompts, { ...options, batchSize: 1 });
    const sequences = together.map(({ tokens }, i) => ({ ...prompts[i]!, target: tokens }));
    const alsoTokens = Array.from({ length: shape.vocabularySize }, (_, token) => token);
    // One token is generated from a full context; scoring needs room for it.
    const scored = sequences.map((sequence) => ({
      ...sequence,
      target: sequence.target.slice(0, contextLength - sequence.prompt.length),
    }));
    const scores = await student.score(scored, { alsoTokens });
    scores.forEach(({ logProbabilities, alsoLogProbabilities }, i) => {
      const { target } = scored[i]!;
      for (let position = 0; position < target.length; position++) {
        const [best, second] = alsoLogProbabilities.map((values) => values[position]!).sort((a, b) => b - a);
        expect(logProbabilities[position]!, `${place}, sequence ${i}`).toBeGreaterThan(best! - tie);
        // From a tie on, both may go their own ways.
        if (best! - second! < tie) return;
        expect(alone[i]!.tokens[position], `${place}, sequence ${i}`).toBe(target[position]);
        compared += 1;
      }
    });
    expect(together[3]!.tokens.length, place).toBe(newTokens - 2);
  }
  // 12 + 12 + 12 + 9 tokens a draw; ties are rare.
  expect(compared).toBeGreaterThan(0.9 * draws * 45);
});
