/** TEST FIXTURE: an invented run with plausible figures, drawn from a seeded stream. Nothing here was measured. */
import type { MethodResult, ReportData } from "../../src/report/data.ts";
import type { StepRole } from "../../src/tasks/problem.ts";
import { RandomStream } from "../../src/util/random.ts";

const names = ["Mia", "Noah", "Lena", "Omar", "Ines", "Theo"] as const;

interface Story {
  question: string;
  answer: string;
  steps: { text: string; role: StepRole }[];
}

function story(random: RandomStream): Story {
  const name = random.pick(names);
  const other = random.pick(names.filter((candidate) => candidate !== name));
  const [start, given, times] = [random.between(12, 60), random.between(2, 11), random.between(2, 5)];
  const left = start - given;
  const total = left * times;
  return {
    question: `${name} has ${start} marbles and gives ${given} of them to ${other}. Then ${name} wins so many that the rest becomes ${times} times as large. How many marbles does ${name} have now?`,
    answer: String(total),
    steps: [
      { text: `Let us read the problem carefully before we start.\n`, role: "transition" },
      {
        text: `${name} has ${start} marbles at first and ${other} is the one who receives some. `,
        role: "restatement",
      },
      { text: `We are asked how many marbles ${name} has at the end.\n`, role: "restatement" },
      {
        text: `After giving ${given} away, ${start} - ${given} = ${left} marbles are left.\n`,
        role: "reasoning",
      },
      { text: `Let us check this: ${left} + ${given} = ${start}, as it should be. `, role: "check" },
      { text: `Now we can go on to the second part.\n`, role: "transition" },
      {
        text: `The rest becomes ${times} times as large, so ${left} * ${times} = ${total}.\n`,
        role: "reasoning",
      },
      {
        text: `To sum up, first we took ${given} away and then we multiplied by ${times}. `,
        role: "summary",
      },
      { text: `The answer is ${total}.`, role: "answer" },
    ],
  };
}

function sampleRationale(random: RandomStream, index: number): ReportData["rationales"][number] {
  const { question, answer, steps } = story(random);
  const boundariesAfter = random.pick([
    [0, 3, 4, 6, 7, 9],
    [0, 1, 3, 5, 7, 9],
    [0, 3, 5, 6, 7, 9],
  ]);
  const wrong = index % 7 === 5;
  const chunks = boundariesAfter.slice(1).map((end, m) => {
    const inside = steps.slice(boundariesAfter[m], end);
    const needed = inside.some((step) => step.role === "reasoning" || step.role === "answer");
    const candidate = m > 0 && m < boundariesAfter.length - 2 && !wrong;
    const skipped = candidate && (!needed || random.next() < 0.08);
    return {
      text: inside.map((step) => step.text).join(""),
      meanNll: (needed ? 0.7 : 0.15) * (0.6 + random.next()),
      candidate,
      skipped,
      reason: wrong
        ? "the student is wrong with the whole rationale"
        : !candidate
          ? m === 0
            ? "first chunk"
            : "states the answer"
          : skipped
            ? "the answer stays right without it"
            : "the answer is wrong without it",
      ...(candidate
        ? { studentAnswer: skipped ? answer : String(Number(answer) + random.between(1, 9)) }
        : {}),
    };
  });
  return {
    id: `train-${String(index).padStart(4, "0")}/0`,
    question,
    answer,
    steps,
    boundariesBefore: [0, 2, 4, 6, 8, 9],
    boundariesAfter,
    objectiveBefore: 2.4 + random.next() * 0.4,
    objectiveAfter: 1.9 + random.next() * 0.3,
    whole: { answer: wrong ? String(Number(answer) - 1) : answer, correct: !wrong },
    chunks,
  };
}

const profiles: [name: string, accuracy: number, tokens: number, steps: number, perStep: number][] = [
  ["answer-only", 0.174, 4.1, 2400, 32],
  ["full", 0.618, 118.6, 2400, 900],
  ["step-by-step", 0.597, 121.9, 4800, 460],
  ["cwt-ac", 0.664, 117.3, 7200, 280],
  ["cwt-sbc", 0.702, 116.8, 7200, 280],
  ["stt-random", 0.513, 61.5, 9600, 230],
  ["stt", 0.696, 63.4, 9600, 230],
];

function result(accuracy: number, tokens: number, steps: number, perStep: number): MethodResult {
  const n = 500;
  const z = 1.96;
  const middle = (accuracy + z ** 2 / (2 * n)) / (1 + z ** 2 / n);
  const half = (z * Math.sqrt((accuracy * (1 - accuracy)) / n + z ** 2 / (4 * n * n))) / (1 + z ** 2 / n);
  const seconds = 0.018 + tokens * 0.0041;
  return {
    accuracy,
    accuracyStandardError: Math.sqrt((accuracy * (1 - accuracy)) / n),
    accuracyInterval: [middle - half, middle + half],
    problems: n,
    meanGeneratedTokens: tokens,
    secondsPerProblem: seconds,
    secondsPerProblemBatched: seconds / 5.2,
    optimizerSteps: steps,
    trainedTokens: steps * perStep,
    trainingSeconds: steps * 0.11,
    devAccuracy: accuracy + 0.011,
    selectedEpoch: 17,
    speedUp: (0.018 + 118.6 * 0.0041) / seconds,
    bestOnTest: accuracy + 0.014,
  };
}

export function sampleData(): ReportData {
  const random = new RandomStream(7, "test/report");
  const methods = Object.fromEntries(profiles.map(([name, ...figures]) => [name, result(...figures)]));
  const rationales = Array.from({ length: 40 }, (_, i) => sampleRationale(random, i));
  const problems = Array.from({ length: 120 }, (_, i) => {
    const { question, answer, steps } = story(random);
    const difficulty = random.next();
    return {
      id: `test-${String(i).padStart(4, "0")}`,
      question,
      answer,
      outputs: Object.fromEntries(
        profiles.map(([name, accuracy, tokens]) => {
          const correct = random.next() * 0.5 + difficulty * 0.5 < accuracy * 1.02 - 0.01;
          const said = correct ? answer : String(Number(answer) + random.between(1, 12));
          const kept = steps.filter(
            (step) =>
              tokens > 70 || (tokens > 10 && (step.role === "reasoning" || step.role === "restatement")),
          );
          const written = kept.map((step) => step.text.replaceAll(answer, said)).join("");
          return [
            name,
            {
              text: `${written}${written === "" ? "" : " "}--> ${said}`,
              answer: said,
              correct,
              tokens: Math.max(2, Math.round(tokens + random.normal() * tokens * 0.1)),
              seconds: 0.018 + tokens * 0.0041,
            },
          ];
        }),
      ),
    };
  });
  return {
    run: "marbles-gpt2-small-seed7",
    title: "Marbles: chunk-wise and skip-thinking training of a small GPT-2",
    createdAt: "2026-01-14T09:26:53.000Z",
    command: "skipthink run recipes/marbles.yaml --seed 7",
    seed: 7,
    versions: { skipthink: "0.1.0", "onnxruntime-node": "1.30.0", node: "22.11.0" },
    task: {
      name: "marbles",
      description: "two-step sums about people who give and win marbles",
      answerKind: "number",
      chance: 0.012,
    },
    data: {
      trainProblems: 2000,
      trainRationales: 1987,
      devProblems: 200,
      testProblems: 500,
      meanSteps: 9,
      meanRationaleTokens: 117.8,
      notes: [
        "13 rationales were left out because their answer was wrong.",
        "Invented figures: this is a test fixture.",
      ],
    },
    student: {
      name: "gpt2-tiny",
      family: "gpt2",
      parameters: 4_213_760,
      vocabularySize: 2048,
      contextLength: 256,
    },
    published: [
      { method: "Fine-tune-CoT", model: "GPT-2 124M", accuracy: 0.387, source: "Ho et al., ACL 2023" },
    ],
    budget: "epochs: 20 for every method, batch 16; stt starts from the cwt-sbc student",
    methods,
    comparisons: [
      { first: "full", second: "stt", onlyFirstRight: 48, onlySecondRight: 87, pValue: 0.00103 },
      { first: "full", second: "cwt-sbc", onlyFirstRight: 41, onlySecondRight: 83, pValue: 0.0002 },
      { first: "cwt-sbc", second: "stt", onlyFirstRight: 39, onlySecondRight: 36, pValue: 0.818 },
      { first: "stt-random", second: "stt", onlyFirstRight: 33, onlySecondRight: 124, pValue: 1e-9 },
    ],
    lossCurves: profiles.map(([method, accuracy, , steps, perStep]) => ({
      method,
      points: Array.from({ length: 240 }, (_, i) => {
        const step = Math.round(((i + 1) / 240) * steps);
        const floor = method.startsWith("stt") ? 0.08 : 0.05 + (0.75 - accuracy) * 0.4;
        const fine = method.startsWith("stt") ? 0.5 : 5.5;
        return {
          step,
          trainedTokens: step * perStep,
          seconds: step * 0.11,
          loss: (floor + fine * Math.exp((-i / 240) * 9)) * (1 + random.normal() * 0.06),
        };
      }),
      dev: Array.from({ length: 12 }, (_, i) => {
        const step = Math.round(((i + 1) / 12) * steps);
        const at = { step, trainedTokens: step * perStep, seconds: step * 0.11 };
        return { ...at, accuracy: accuracy * (1 - Math.exp(-(i + 1) / 3)) + random.normal() * 0.01 };
      }),
    })),
    chunking: {
      count: 5,
      history: [4, 8, 12, 16].map((epoch, i) => ({
        method: "cwt-sbc",
        epoch,
        meanObjectiveBefore: 2.61 - i * 0.18,
        meanObjectiveAfter: 2.12 - i * 0.12,
        changed: 1502 - i * 420,
        rationales: 1987,
        scoredSequences: 1987,
      })),
    },
    skips: {
      rationales: 1987,
      candidates: 5104,
      skipped: 2461,
      share: 2461 / 5104,
      meanTokensBefore: 117.8,
      meanTokensAfter: 64.2,
      precision: 0.934,
      recall: 0.781,
      wrongWhenWhole: 214,
      byRole: [
        { role: "restatement", steps: 3974, skipped: 2210 },
        { role: "reasoning", steps: 3974, skipped: 131 },
        { role: "transition", steps: 3974, skipped: 2903 },
        { role: "check", steps: 1987, skipped: 1551 },
        { role: "summary", steps: 1987, skipped: 1288 },
        { role: "answer", steps: 1987, skipped: 0 },
      ],
    },
    rationales,
    problems,
  };
}
