/**
 * One look per method, the same in every chart, table and browser: a colour and, so that nobody depends on colour, a
 * marker shape. The colours follow the Okabe-Ito set, darkened or lightened to keep 3:1 contrast on the page in the
 * light and the dark scheme; the values themselves are in style.ts, classes m0 to m7.
 */
import type { ReportData } from "./data.ts";
import { clipLabel, escapeHtml, type Html } from "./html.ts";
import { maxMethods } from "./limits.ts";

export interface MethodLook {
  name: string;
  /** Colour class m0 to m7. */
  colour: string;
  /** SVG path of the marker, centred on the origin, about 10 units wide. */
  marker: string;
  description: string;
}

/** Slot of each method of the product; others take the slots that are free. Also the order of rows. */
const knownMethods: [name: string, slot: number, description: string][] = [
  ["answer-only", 0, "the answer alone, without any rationale"],
  ["full", 1, "the whole rationale and the answer as one training item (Fine-tune-CoT)"],
  ["step-by-step", 2, "two tasks, one writes the label and one the rationale"],
  ["icot", 3, "stepwise internalisation: leading rationale tokens are removed on a schedule"],
  ["cwt-ac", 4, "chunk-wise training on chunks of equal size"],
  ["cwt-sbc", 5, "chunk-wise training on chunks found by search with the student's own loss"],
  ["stt-random", 6, "skip-thinking with as many chunks dropped, picked at random"],
  ["stt", 7, "skip-thinking: trained on rationales without the chunks the student does not need"],
];
const slots = 8;

const markers = [
  "M-5.5-2h11v4h-11z",
  "M5 0A5 5 0 1 1-5 0A5 5 0 1 1 5 0z",
  "M-5.2-3.8H5.2L0 5.4z",
  "M-1.7-5h3.4v3.3h3.3v3.4h-3.3v3.3h-3.4v-3.3h-3.3v-3.4h3.3z",
  "M-4.4-4.4h8.8v8.8h-8.8z",
  "M0-6L6 0L0 6L-6 0z",
  "M-5-2.9L-2.9-5L0-2.1L2.9-5L5-2.9L2.1 0L5 2.9L2.9 5L0 2.1L-2.9 5L-5 2.9L-2.1 0z",
  "M-5.2 3.8H5.2L0-5.4z",
];

/** The looks of all methods that occur anywhere in the data, in the order of rows; at most `maxMethods`. */
export function methodLooks(
  data: Pick<ReportData, "methods" | "lossCurves" | "comparisons" | "problems">,
): MethodLook[] {
  const names = new Set([
    ...Object.keys(data.methods),
    ...data.lossCurves.map((curve) => curve.method),
    ...data.comparisons.flatMap((comparison) => [comparison.first, comparison.second]),
    ...data.problems.flatMap((problem) => Object.keys(problem.outputs)),
  ]);
  const known = knownMethods.filter(([name]) => names.has(name));
  const used = new Set(known.map(([, slot]) => slot));
  const free = Array.from({ length: slots }, (_, slot) => slot).filter((slot) => !used.has(slot));
  const others = [...names].filter((name) => !knownMethods.some(([other]) => other === name));
  const looks = known.map(([name, slot, description]) => look(name, slot, slot, description));
  others.forEach((name, index) => {
    const slot = free[index] ?? index % slots;
    // Past the free slots a colour comes back, with another shape.
    const shape = index < free.length ? slot : (slot + 3) % slots;
    looks.push(look(name, slot, shape, ""));
  });
  return looks.slice(0, maxMethods);
}

function look(name: string, colour: number, shape: number, description: string): MethodLook {
  return { name, colour: `m${colour}`, marker: markers[shape] as string, description };
}

/** A method's marker and name, for tables, legends and running text. */
export function methodBadge(looks: MethodLook[], name: string): Html {
  const found = looks.find((candidate) => candidate.name === name);
  const text = escapeHtml(clipLabel(name, 40));
  if (found === undefined) return `<span class="method">${text}</span>`;
  return (
    `<span class="method"><svg class="badge ${found.colour}" viewBox="-7 -7 14 14" aria-hidden="true">` +
    `<path d="${found.marker}"/></svg>${text}</span>`
  );
}

/** A marker that stands for every method's: filled, or hollow. */
export function anyMarker(isHollow: boolean): Html {
  return (
    `<svg class="badge any" viewBox="-7 -7 14 14" aria-hidden="true">` +
    `<path${isHollow ? ' class="hollow"' : ""} d="${markers[1] as string}"/></svg>`
  );
}

/** A legend of some methods, for charts without direct labels. */
export function legend(looks: MethodLook[], names: string[]): Html {
  return `<ul class="legend">${names.map((name) => `<li>${methodBadge(looks, name)}</li>`).join("")}</ul>`;
}
