/** Everything the report shows, as plain data; src/pipeline fills it, src/report draws it, `report.json` stores it. */
import type { StepRole } from "../tasks/problem.ts";
import type { TeacherRecord } from "../teacher/record.ts";

export interface MethodResult {
  accuracy: number;
  accuracyStandardError: number;
  /** Wilson 95 % interval. */
  accuracyInterval: [number, number];
  problems: number;
  meanGeneratedTokens: number;
  /** One problem at a time (batch 1), median over the latency sample. */
  secondsPerProblem: number;
  secondsPerProblemBatched: number;
  optimizerSteps: number;
  /** Target tokens that carried loss, summed over training (students it starts from included). */
  trainedTokens: number;
  /** Optimizer steps and chunk searches between them (students it starts from included). */
  trainingSeconds: number;
  /** Seconds of chunking and probing that made this method's skips; not in `trainingSeconds`. */
  skipDataSeconds?: number;
  /** Share of texts cut off at the token limit or at the end of the context. */
  unfinished?: number;
  devAccuracy?: number;
  /** Epoch that was chosen on the dev split. */
  selectedEpoch?: number;
  /** full's secondsPerProblem divided by this method's. */
  speedUp?: number;
  /** Highest test accuracy over epochs where it was measured; never used to choose. */
  bestOnTest?: number;
}

export interface ReportData {
  run: string;
  title: string;
  createdAt: string;
  command: string;
  seed: number;
  versions: Record<string, string>;
  task: { name: string; description: string; answerKind: string; chance: number | undefined };
  data: {
    trainProblems: number;
    trainRationales: number;
    devProblems: number;
    testProblems: number;
    meanSteps: number;
    meanRationaleTokens: number;
    notes: string[];
  };
  /** Where the training file came from `teach`: what its filter let through, and samples of both kinds. */
  teacher?: TeacherRecord;
  student: {
    name: string;
    family: string;
    parameters: number;
    vocabularySize: number;
    contextLength: number;
  };
  budget: string;
  methods: Record<string, MethodResult>;
  /** Figures that others published on the same data, as the recipe names them. */
  published?: { method: string; model: string; accuracy: number; source: string }[];
  /** McNemar exact test between pairs of methods on the same test problems. */
  comparisons: {
    first: string;
    second: string;
    onlyFirstRight: number;
    onlySecondRight: number;
    pValue: number;
  }[];
  lossCurves: {
    method: string;
    points: {
      step: number;
      trainedTokens: number;
      seconds: number;
      loss: number;
    }[];
    /** Accuracy on the dev split at the end of the epochs that were measured. */
    dev?: { step: number; trainedTokens: number; seconds: number; accuracy: number }[];
  }[];
  chunking: {
    count: number;
    /** Chunks at probing, where they are finer than in training. */
    probedCount?: number;
    history: {
      method: string;
      epoch: number;
      meanObjectiveBefore: number;
      meanObjectiveAfter: number;
      changed: number;
      rationales: number;
      /** One per rationale with shared context. */
      scoredSequences: number;
      /** Chunks searched for, in a search after training: it has its own number of chunks and begins at average ones. */
      count?: number;
    }[];
  };
  skips: {
    /** What a removal had to leave unharmed: the answer, or the later chunks too. Default: answer. */
    criterion?: "answer" | "continuation";
    rationales: number;
    candidates: number;
    skipped: number;
    share: number;
    /** Mean rationale tokens before and after skipping. */
    meanTokensBefore: number;
    meanTokensAfter: number;
    precision?: number;
    recall?: number;
    byRole?: { role: StepRole; steps: number; skipped: number }[];
    /** Rationales the student got wrong when whole, kept or dropped as configured. */
    wrongWhenWhole: number;
  };
  /** A sample of training rationales as they were chunked and probed. */
  rationales: {
    id: string;
    question: string;
    answer: string;
    steps: { text: string; role?: StepRole }[];
    /** Boundaries b_0..b_M before (average chunking) and after search. */
    boundariesBefore: number[];
    boundariesAfter: number[];
    objectiveBefore?: number;
    objectiveAfter?: number;
    /** The student's answer given the whole rationale, before any removal. */
    whole?: { answer: string | undefined; correct: boolean };
    chunks: {
      text: string;
      meanNll?: number;
      candidate: boolean;
      skipped: boolean;
      reason: string;
      studentAnswer?: string;
    }[];
  }[];
  /** Held-out problems with what each student wrote. */
  problems: {
    id: string;
    question: string;
    answer: string;
    outputs: Record<
      string,
      { text: string; answer: string | undefined; correct: boolean; tokens: number; seconds?: number }
    >;
  }[];
}
