/** The training methods a recipe can name, what each one is, and what each one needs trained before it. */

/** In the order in which a run trains them: a method stands after everything it starts from. */
export const methodNames = ["answer-only", "full", "cwt-ac", "cwt-sbc", "stt", "stt-random"] as const;
export type MethodName = (typeof methodNames)[number];

/**
 * METHOD §5: skip-thinking training starts from the chunk-wise student, which also probes the chunks; the random control
 * drops as many chunks as that probe did, so it needs the same student.
 */
const prerequisites: Readonly<Record<MethodName, readonly MethodName[]>> = {
  "answer-only": [],
  full: [],
  "cwt-ac": [],
  "cwt-sbc": [],
  stt: ["cwt-sbc"],
  "stt-random": ["cwt-sbc"],
};

/** The wanted methods with their prerequisites, without repeats, in training order. */
export function withPrerequisites(wanted: readonly MethodName[]): MethodName[] {
  const needed = new Set<MethodName>();
  const add = (method: MethodName): void => {
    needed.add(method);
    for (const earlier of prerequisites[method]) add(earlier);
  };
  for (const method of wanted) add(method);
  return methodNames.filter((method) => needed.has(method));
}
