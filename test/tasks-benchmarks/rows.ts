/** Rows made by hand in the form in which the authors of each benchmark publish theirs. */
import type { BenchmarkName } from "../../src/tasks/benchmarks/sources.ts";

export interface TrueRow {
  row: unknown;
  question: string;
  answer: string;
  rationale?: string;
}

const equation: TrueRow = {
  row: {
    iIndex: 4,
    lEquations: ["X=3.5+2.0"],
    lSolutions: [5.5],
    sQuestion: " Ann has 3.5 kg of rice and buys 2.0 kg. How much does she have? ",
  },
  question: "Ann has 3.5 kg of rice and buys 2.0 kg. How much does she have?",
  answer: "5.5",
};

export const trueRows: Readonly<Record<BenchmarkName, TrueRow[]>> = {
  single_eq: [{ ...equation, row: { ...(equation.row as object), lAlignments: [12, 40], lQueryVars: [] } }],
  addsub: [equation],
  multiarith: [
    {
      row: {
        iIndex: 0,
        lAlignments: [],
        lEquations: ["X=(6.0*2.0)+4.0"],
        lSolutions: [16.0],
        sQuestion: "6 boxes of 2 and 4 more: how many?",
      },
      question: "6 boxes of 2 and 4 more: how many?",
      answer: "16",
    },
  ],
  svamp: [
    {
      row: {
        ID: "chal-7",
        Body: "There are 8 ducks in the pond. 3 fly away",
        Question: "How many ducks are left?",
        Equation: "( 8.0 - 3.0 )",
        Answer: 5.0,
        Type: "Subtraction",
      },
      question: "There are 8 ducks in the pond. 3 fly away How many ducks are left?",
      answer: "5",
    },
  ],
  gsm8k: [
    {
      row: {
        question: "A baker sells 1,200 rolls a day for 2 days. How many is that?",
        answer: "Each day it is 1,200.\n1,200*2=<<1200*2=2400>>2,400 rolls\n#### 2,400",
      },
      question: "A baker sells 1,200 rolls a day for 2 days. How many is that?",
      answer: "2,400",
      rationale: "Each day it is 1,200.\n1,200*2=2,400 rolls",
    },
  ],
  aqua: [
    {
      row: {
        question: "A train runs 60 km in (3/4) hour. What is its speed?",
        options: ["A)60 km/h", "B) 75 km/h", "C)80 km/h (exactly)", "D)90 km/h", "E)none of these"],
        rationale: "60 / (3/4) = 80\nAnswer C",
        correct: "C",
      },
      question:
        "A train runs 60 km in (3/4) hour. What is its speed? Answer Choices: (A) 60 km/h (B) 75 km/h (C) 80 km/h (exactly) (D) 90 km/h (E) none of these",
      answer: "C",
      rationale: "60 / (3/4) = 80\nAnswer C",
    },
  ],
  commonsense_qa: [
    {
      row: {
        answerKey: "B",
        id: "0a1b",
        question: {
          question_concept: "umbrella",
          choices: [
            { label: "A", text: "desert" },
            { label: "B", text: "closet" },
            { label: "C", text: "oven" },
            { label: "D", text: "river" },
            { label: "E", text: "cloud" },
          ],
          stem: "Where would you keep an umbrella at home?",
        },
      },
      question:
        "Where would you keep an umbrella at home? Answer Choices: (A) desert (B) closet (C) oven (D) river (E) cloud",
      answer: "B",
    },
  ],
  strategy_qa: [
    {
      row: {
        input: "Could a snail cross a desert in a day?",
        target: "No. Snails are slow.",
        target_scores: { Yes: 0, No: 1 },
      },
      question: "Could a snail cross a desert in a day?",
      answer: "no",
    },
    {
      row: {
        qid: "b8",
        term: "Whale",
        description: "mammal",
        question: "Is a whale heavier than a cat?",
        answer: true,
        facts: [],
      },
      question: "Is a whale heavier than a cat?",
      answer: "yes",
    },
  ],
  date_understanding: [
    {
      row: {
        input: "Yesterday was 3/1/2021. What is the date today in MM/DD/YYYY?",
        target_scores: { "03/02/2021": 1, "03/01/2021": 0, "02/28/2021": 0, "04/02/2021": 0 },
      },
      question:
        "Yesterday was 3/1/2021. What is the date today in MM/DD/YYYY? Answer Choices: (A) 02/28/2021 (B) 04/02/2021 (C) 03/01/2021 (D) 03/02/2021",
      answer: "D",
    },
  ],
  tracking_shuffled_objects: [
    {
      row: {
        input:
          "Ann, Bob, and Eve hold a red, a blue and a green ball. Ann and Eve swap. At the end, Ann has the",
        target_scores: { "red ball.": 0, "green ball.": 1, "blue ball.": 0 },
        comment: "",
      },
      question:
        "Ann, Bob, and Eve hold a red, a blue and a green ball. Ann and Eve swap. At the end, Ann has the \nWhich choice is true ? Answer Choices: (A) red ball. (B) green ball. (C) blue ball.",
      answer: "B",
    },
  ],
  last_letter_concatenation: [
    {
      row: {
        question: 'Take the last letters of each words in "Eva Kim" and concatenate them.',
        answer: "am",
      },
      question: 'Take the last letters of each words in "Eva Kim" and concatenate them.',
      answer: "am",
    },
  ],
  coin_flip: [
    {
      row: { question: "A coin is heads up. Ann flips the coin. Is the coin still heads up?", answer: "no" },
      question: "A coin is heads up. Ann flips the coin. Is the coin still heads up?",
      answer: "no",
    },
  ],
};
