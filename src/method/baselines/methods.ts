/** The table of methods that the pipeline walks, in the order in which they can be trained. */
import { cwtAc, cwtSbc } from "./cwt.ts";
import { icot } from "./icot.ts";
import { answerOnly, full } from "./plain.ts";
import type { MethodName, MethodPlan } from "./plan.ts";
import { stepByStep } from "./step-by-step.ts";
import { stt, sttRandom } from "./stt.ts";

export const methodPlans: Readonly<Record<MethodName, MethodPlan>> = {
  "answer-only": answerOnly,
  full,
  "step-by-step": stepByStep,
  icot,
  "cwt-ac": cwtAc,
  "cwt-sbc": cwtSbc,
  stt,
  "stt-random": sttRandom,
};
