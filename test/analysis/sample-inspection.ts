/** TEST FIXTURE: an inspection with every part present; numbers are made up. */
import type { InspectData } from "../../src/analysis/data.ts";
import { defaultSettings } from "../../src/analysis/settings.ts";

export function sampleInspection(): InspectData {
  const truth = {
    steps: 10,
    skipped: 4,
    precision: 0.75,
    recall: 0.5,
    byRole: [
      { role: "restatement" as const, steps: 6, skipped: 3 },
      { role: "reasoning" as const, steps: 4, skipped: 1 },
    ],
  };
  const steps = [-0.5, -0.25, 0, 0.25, 0.5];
  return {
    format: 1,
    run: "/runs/sample",
    title: "A sample",
    task: "coin_flip",
    settings: { ...defaultSettings, sharpness: { ...defaultSettings.sharpness, points: 5, directions: 2 } },
    student: { name: "tiny", family: "gpt2", parameters: 1234 },
    core: {
      tokens: 200,
      core: 15,
      share: 0.075,
      rationales: 3,
      completeRationales: 2,
      testedTokens: 150,
      wrongWhenWhole: 1,
      byRole: [
        { role: "restatement", tokens: 150, core: 3, share: 0.02 },
        { role: "reasoning", tokens: 50, core: 12, share: 0.24 },
      ],
      byTenth: Array.from({ length: 10 }, (_, i) => ({ tokens: 20, core: i % 3, share: (i % 3) / 20 })),
      markedBy: "full",
      scoredTokens: 54_321,
      examples: [1, 2].map((i) => ({
        id: `rationale ${i}`,
        question: "Is the coin still heads up?",
        answer: "no",
        wholeRight: i === 1,
        steps: [
          { role: "restatement" as const, tokens: [{ text: " A coin", core: false }] },
          {
            role: "reasoning" as const,
            tokens: [
              { text: " is", core: false },
              { text: " tails", core: true, replacement: " heads", fall: 7.25 },
            ],
          },
        ],
      })),
    },
    steps: [
      {
        method: "full",
        shares: [0.05, 0.07].map((lossShare) => ({ stage: "answer" as const, tokenShare: 0.06, lossShare })),
        gradients: [{ stage: "answer", norm: 2, coreNorm: 0.5, cosine: 0.4, part: 0.1 }],
      },
      {
        method: "cwt-sbc",
        shares: ([1, 2, "answer"] as const).map((stage, i) => ({
          stage,
          tokenShare: 0.1 * i,
          lossShare: 0.15 * i,
        })),
        gradients: [
          { stage: 1, norm: 3, coreNorm: 0, part: 0 },
          { stage: 2, norm: 3, coreNorm: 2, cosine: 0.9, part: 0.6 },
        ],
      },
    ],
    sharpness: (["full", "cwt-sbc"] as const).map((method, i) => ({
      method,
      sequences: 8,
      targetTokens: 800,
      loss: 0.1 + i,
      steps,
      lines: [1, 2].map((c) => steps.map((step) => 0.1 + i + c * step ** 2)),
      balls: [
        { radius: 0.01, largestLoss: 0.3 + i },
        { radius: 0.02, largestLoss: 0.9 + i },
      ],
    })),
    lost: [
      {
        from: "full",
        to: "stt",
        problems: 10,
        bothRight: 4,
        lost: 3,
        won: 2,
        bothWrong: 1,
        pValue: 1,
        failures: { otherAnswer: 2, unreadable: 1, unfinished: 0 },
        byLength: [{ tokens: [20, 40], problems: 10, fromRight: 7, toRight: 6 }],
        tokens: { fromLost: 30, toLost: 20, fromAll: 33, toAll: 22 },
        examples: [
          {
            id: "problem 1",
            question: "What now?",
            answer: "no",
            failure: "otherAnswer",
            from: { text: "It is tails. --> no", predicted: "no", tokens: 30 },
            to: { text: "--> yes", predicted: "yes", tokens: 4 },
          },
        ],
      },
    ],
    skips: { probed: truth, random: { ...truth, precision: 0.5 } },
    seconds: { core: 1, steps: 2, sharpness: 3 },
  };
}
