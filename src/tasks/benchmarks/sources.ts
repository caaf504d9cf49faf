/**
 * The twelve reasoning benchmarks (docs/method.md §8): where their authors publish them, under what names their files are looked for,
 * and how Fine-tune-CoT (Ho et al. 2023) splits them. The data itself is not part of this project.
 */
import type { AnswerKind } from "../problem.ts";

export const benchmarkNames = [
  "single_eq",
  "addsub",
  "multiarith",
  "svamp",
  "gsm8k",
  "aqua",
  "commonsense_qa",
  "strategy_qa",
  "date_understanding",
  "tracking_shuffled_objects",
  "last_letter_concatenation",
  "coin_flip",
] as const satisfies readonly AnswerKind[];
export type BenchmarkName = (typeof benchmarkNames)[number];

export interface BenchmarkSource {
  title: string;
  /** Where the authors publish the files. */
  url: string;
  /** One file that is split by the published rule, or the authors' own training and test files. */
  files: { all: string } | { train: string; test: string };
  /** Rows of `all`, or of the training file, in the version that Fine-tune-CoT split; another number gets a note. */
  rows: number;
  /** Training problems drawn from a larger training file. */
  trainSample?: number;
}

const zeroShotCot = "https://github.com/kojima-takeshi188/zero_shot_cot, folder dataset";
const bigBench = "https://github.com/google/BIG-bench, folder bigbench/benchmark_tasks";

export const benchmarkSources: Readonly<Record<BenchmarkName, BenchmarkSource>> = {
  single_eq: {
    title: "SingleEq (Koncel-Kedziorski et al. 2015)",
    url: `${zeroShotCot}/SingleEq/questions.json`,
    files: { all: "single_eq/questions.json" },
    rows: 508,
  },
  addsub: {
    title: "AddSub (Hosseini et al. 2014)",
    url: `${zeroShotCot}/AddSub/AddSub.json`,
    files: { all: "addsub/AddSub.json" },
    rows: 395,
  },
  multiarith: {
    title: "MultiArith (Roy and Roth 2015)",
    url: `${zeroShotCot}/MultiArith/MultiArith.json`,
    files: { all: "multiarith/MultiArith.json" },
    rows: 600,
  },
  svamp: {
    title: "SVAMP (Patel et al. 2021)",
    url: "https://github.com/arkilpatel/SVAMP, file SVAMP.json",
    files: { all: "svamp/SVAMP.json" },
    rows: 1000,
  },
  gsm8k: {
    title: "GSM8K (Cobbe et al. 2021)",
    url: "https://github.com/openai/grade-school-math, folder grade_school_math/data",
    files: { train: "gsm8k/train.jsonl", test: "gsm8k/test.jsonl" },
    rows: 7473,
  },
  aqua: {
    title: "AQuA (Ling et al. 2017)",
    url: "https://github.com/google-deepmind/AQuA, files train.json and test.json",
    files: { train: "aqua/train.json", test: "aqua/test.json" },
    rows: 97_467,
    trainSample: 10_000,
  },
  commonsense_qa: {
    title: "CommonsenseQA (Talmor et al. 2019)",
    url: "https://www.tau-nlp.org/commonsenseqa, files train_rand_split.jsonl and dev_rand_split.jsonl",
    files: { train: "commonsense_qa/train_rand_split.jsonl", test: "commonsense_qa/dev_rand_split.jsonl" },
    rows: 9741,
  },
  strategy_qa: {
    title: "StrategyQA (Geva et al. 2021)",
    url: `${bigBench}/strategyqa/task.json, or https://allenai.org/data/strategyqa, file strategyqa_train.json under the same name`,
    files: { all: "strategy_qa/task.json" },
    rows: 2290,
  },
  date_understanding: {
    title: "Date Understanding (BIG-bench)",
    url: `${bigBench}/date_understanding/task.json`,
    files: { all: "date_understanding/task.json" },
    rows: 369,
  },
  tracking_shuffled_objects: {
    title: "Tracking Shuffled Objects, three objects (BIG-bench)",
    url: `${bigBench}/tracking_shuffled_objects/three_objects/task.json`,
    files: { all: "tracking_shuffled_objects/task.json" },
    rows: 750,
  },
  last_letter_concatenation: {
    title: "Last Letter Concatenation (Wei et al. 2022; Kojima et al. 2022)",
    url: `${zeroShotCot}/last_letters/last_letters.json`,
    files: { all: "last_letter_concatenation/last_letters.json" },
    rows: 500,
  },
  coin_flip: {
    title: "Coin Flip (Wei et al. 2022; Kojima et al. 2022)",
    url: `${zeroShotCot}/coin_flip/coin_flip.json`,
    files: { all: "coin_flip/coin_flip.json" },
    rows: 500,
  },
};

/** The benchmark's answer kind is its name, so a recipe's answerKind says which it is. */
export function isBenchmark(name: string): name is BenchmarkName {
  return benchmarkNames.some((known) => known === name);
}
