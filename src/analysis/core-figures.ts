/** Core tokens counted: over all, by what their step does, and by where in the rationale they stand. */
import type { EncodedRationale } from "../method/items/encode.ts";
import { type StepRole, stepRoles } from "../tasks/problem.ts";
import type { CoreMarks } from "./core-tokens.ts";

/** Numbers of tokens; those of rationales tested in part are scaled up to the whole, so they need not be whole numbers. */
export interface CoreCount {
  tokens: number;
  core: number;
  /** core / tokens. */
  share: number;
}

export interface CoreFigures extends CoreCount {
  rationales: number;
  /** Rationales whose every token was tested. */
  completeRationales: number;
  testedTokens: number;
  /** Rationales whose gold answer is not the student's, with nothing replaced. */
  wrongWhenWhole: number;
  /** Where the generator of the task knows them; in the order of `stepRoles`. */
  byRole?: ({ role: StepRole } & CoreCount)[];
  /** Tenths of the rationale, first to last. [10] */
  byTenth: CoreCount[];
}

export function coreFigures(
  marks: readonly CoreMarks[],
  encodedOf: (rationaleId: string) => EncodedRationale,
  rolesOf: (rationaleId: string) => readonly StepRole[] | undefined,
): CoreFigures {
  const all = new Counter();
  const tenths = Array.from({ length: 10 }, () => new Counter());
  const roles = new Map(stepRoles.map((role) => [role, new Counter()]));
  let testedTokens = 0;
  for (const one of marks) {
    const tested = one.tested.reduce((sum, flag) => sum + flag, 0);
    testedTokens += tested;
    const { steps } = encodedOf(one.rationaleId);
    const known = rolesOf(one.rationaleId);
    // Tokens of a step that is hidden from the student are not part of the question.
    const weight = one.replacement.length / tested;
    let at = 0;
    steps.forEach((step, s) => {
      for (let i = 0; i < step.length; i++, at++) {
        if (one.tested[at] === 0) continue;
        const core = one.core[at] === 1;
        all.add(weight, core);
        tenths[Math.floor((10 * at) / one.tested.length)]!.add(weight, core);
        const role = known?.[s];
        if (role !== undefined) roles.get(role)!.add(weight, core);
      }
    });
  }
  const byRole = [...roles].flatMap(([role, counter]) =>
    counter.tokens > 0 ? [{ role, ...counter.count() }] : [],
  );
  return {
    ...all.count(),
    rationales: marks.length,
    completeRationales: marks.filter(({ complete }) => complete).length,
    testedTokens,
    wrongWhenWhole: marks.filter(({ wholeRight }) => !wholeRight).length,
    ...(byRole.length === 0 ? {} : { byRole }),
    byTenth: tenths.map((counter) => counter.count()),
  };
}

class Counter {
  tokens = 0;
  private core = 0;

  add(weight: number, core: boolean): void {
    this.tokens += weight;
    if (core) this.core += weight;
  }

  count(): CoreCount {
    const { tokens, core } = this;
    return { tokens, core, share: tokens > 0 ? core / tokens : 0 };
  }
}
