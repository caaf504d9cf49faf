/**
 * The pretraining corpus of the base student: single steps of the built-in worlds, copying, recall and everyday
 * words, but no worked solution of a built-in task. Documents are made from a random stream; nothing is stored.
 */
import type { RandomStream } from "../../util/random.ts";
import { writeDrill, writeNumberSense, writeSumStories } from "./arithmetic.ts";
import { writeDateReading, writeDateSteps } from "./calendar.ts";
import { writeCoin } from "./coin.ts";
import { writeInduction, writeListCopy, writeOrder, writeRestatement } from "./copying.ts";
import { writeContainers, writeSettings, writeWalks } from "./latest.ts";
import { writeEveryday, writeReasoningTalk, writeYesNo } from "./prose.ts";
import { writeChoices, writeLongRecall, writeRecall } from "./recall.ts";
import { writeRemarks } from "./remarks.ts";
import { writeAlphabet, writeJoining, writeSpelling, writeWordPlaces } from "./spelling.ts";
import { writeSwapQuestion, writeSwapStory } from "./tracking.ts";

export { corpusDrill, type Drill } from "./drills.ts";
export { type Probe, probeKinds, singleStepProbes } from "./probes.ts";

export interface CorpusKind {
  /** Relative frequency among documents. */
  weight: number;
  write(random: RandomStream): string;
}

/** Every kind of document. Weights are relative; the shares of text also depend on the kinds' lengths. */
export const corpusKinds: Record<string, CorpusKind> = {
  swapStory: { weight: 7, write: writeSwapStory },
  swapQuestion: { weight: 10, write: writeSwapQuestion },
  recall: { weight: 5, write: writeRecall },
  longRecall: { weight: 5, write: writeLongRecall },
  choices: { weight: 6, write: writeChoices },
  induction: { weight: 9, write: writeInduction },
  restatement: { weight: 4, write: writeRestatement },
  listCopy: { weight: 4, write: writeListCopy },
  order: { weight: 3, write: writeOrder },
  walks: { weight: 5, write: writeWalks },
  containers: { weight: 3, write: writeContainers },
  settings: { weight: 2, write: writeSettings },
  spelling: { weight: 7, write: writeSpelling },
  joining: { weight: 3, write: writeJoining },
  wordPlaces: { weight: 2, write: writeWordPlaces },
  alphabet: { weight: 1, write: writeAlphabet },
  coin: { weight: 3, write: writeCoin },
  dateSteps: { weight: 5, write: writeDateSteps },
  dateReading: { weight: 3, write: writeDateReading },
  drill: { weight: 6, write: writeDrill },
  sumStories: { weight: 4, write: writeSumStories },
  numberSense: { weight: 1, write: writeNumberSense },
  reasoningTalk: { weight: 4, write: writeReasoningTalk },
  yesNo: { weight: 2, write: writeYesNo },
  remarks: { weight: 4, write: writeRemarks },
  everyday: { weight: 6, write: writeEveryday },
};

const kinds = Object.values(corpusKinds);
const totalWeight = kinds.reduce((sum, kind) => sum + kind.weight, 0);

/** One document of a kind drawn by weight; a pure function of the stream's state. Ends without a line break. */
export function corpusDocument(random: RandomStream): string {
  let draw = random.next() * totalWeight;
  for (const kind of kinds) {
    draw -= kind.weight;
    if (draw < 0) return kind.write(random);
  }
  return kinds.at(-1)!.write(random);
}
