/**
 * The two browsers, training rationales and held-out problems: their frame in HTML and their items as data. What a
 * filter shows is worked out here, so that the page's script only walks lists (see script.ts).
 */
import { correctGrid } from "../charts/bars.ts";
import type { ReportData } from "../data.ts";
import { cleanText, clipLabel, clipText, cutNote, escapeHtml, type Html } from "../html.ts";
import { maxBrowserCharacters, maxProblems, maxRationales, maxSteps } from "../limits.ts";
import { decimal, duration } from "../numbers.ts";
import type { MethodLook } from "../palette.ts";

/** A filter of a browser and the items it lets through. */
export interface View {
  label: string;
  items: number[];
}

/** Text in pieces; `role` is set for a step whose role is known. */
export interface PageStep {
  text: string;
  role: string;
}

export interface PageRationale {
  id: string;
  question: string;
  answer: string;
  /** Empty where unknown. */
  whole: string;
  objective: string;
  /** Says how many chunks are missing; empty where all are there. */
  cut: string;
  chunks: {
    steps: PageStep[];
    nll: string;
    /** 0 to 6, -1 where unknown. */
    heat: number;
    skipped: boolean;
    candidate: boolean;
    reason: string;
    trial: string;
  }[];
}

export interface PageProblem {
  id: string;
  question: string;
  answer: string;
  outputs: {
    method: number;
    text: string;
    /** Where the answer stands in the text; -1 where it was not found. */
    start: number;
    end: number;
    answer: string;
    correct: boolean;
    note: string;
  }[];
}

/** A teacher's sample, kept or dropped. */
export interface PageSample {
  id: string;
  question: string;
  answer: string;
  text: string;
  kept: boolean;
  /** What became of it, in a word. */
  fate: string;
  note: string;
}

export interface PageData {
  methods: { name: string; colour: string; marker: string }[];
  /** Only where the run's data came from a teacher. */
  samples?: { views: View[]; items: PageSample[] };
  rationales: { views: View[]; items: PageRationale[] };
  problems: { views: View[]; items: PageProblem[] };
}

export const word = (text: string): string => cleanText(clipLabel(text));
export const body = (text: string): string => cleanText(clipText(text));

export function pageData(data: ReportData, looks: MethodLook[]): PageData {
  return {
    methods: looks.map(({ name, colour, marker }) => ({
      name: cleanText(clipLabel(name, 40)),
      colour,
      marker,
    })),
    rationales: pageRationales(data.rationales),
    problems: pageProblems(data.problems, looks),
  };
}

/** Items up to the count and the total length that a browser may hold. */
export function withinBudget<T>(items: T[], most: number): T[] {
  let characters = 0;
  const kept: T[] = [];
  for (const item of items.slice(0, most)) {
    characters += JSON.stringify(item).length;
    if (characters > maxBrowserCharacters) break;
    kept.push(item);
  }
  return kept;
}

function pageRationales(rationales: ReportData["rationales"]): PageData["rationales"] {
  const sample = rationales.slice(0, maxRationales);
  const losses = sample
    .flatMap((rationale) => rationale.chunks.map((chunk) => chunk.meanNll))
    .filter((nll): nll is number => typeof nll === "number" && Number.isFinite(nll))
    .sort((a, b) => a - b);
  // The tone saturates at the 95th percentile, so that one odd chunk does not turn all others pale.
  const hottest = losses[Math.floor((losses.length - 1) * 0.95)] ?? 0;
  const tone = (nll: number | undefined): number =>
    typeof nll !== "number" || !Number.isFinite(nll)
      ? -1
      : hottest > 0
        ? Math.max(0, Math.min(6, Math.round((nll / hottest) * 6)))
        : 0;

  const items = withinBudget(
    sample.map((rationale): PageRationale => {
      const { objectiveBefore: before, objectiveAfter: after, whole } = rationale;
      return {
        id: word(rationale.id),
        question: body(rationale.question),
        answer: word(rationale.answer),
        whole: whole === undefined ? "" : wholeVerdict(whole),
        objective:
          before === undefined || after === undefined ? "" : `J ${decimal(before, 3)} → ${decimal(after, 3)}`,
        cut:
          rationale.chunks.length > maxSteps
            ? `Cut: ${maxSteps} of ${rationale.chunks.length} chunks are shown.`
            : "",
        chunks: rationale.chunks.slice(0, maxSteps).map((chunk, m) => ({
          steps: stepsOfChunk(rationale, m),
          nll: typeof chunk.meanNll === "number" ? decimal(chunk.meanNll, 2) : "",
          heat: tone(chunk.meanNll),
          skipped: chunk.skipped,
          candidate: chunk.candidate,
          reason: word(chunk.reason),
          trial:
            chunk.studentAnswer === undefined
              ? ""
              : `the student then answers ${quoted(chunk.studentAnswer)}`,
        })),
      };
    }),
    maxRationales,
  );
  const where = (test: (rationale: ReportData["rationales"][number]) => boolean): number[] =>
    items.flatMap((_, i) => (test(rationales[i]!) ? [i] : []));
  const views: View[] = [
    { label: "all", items: items.map((_, i) => i) },
    { label: "only with skips", items: where((r) => r.chunks.some((chunk) => chunk.skipped)) },
    { label: "only without skips", items: where((r) => r.chunks.every((chunk) => !chunk.skipped)) },
    ...(rationales.some((r) => r.whole !== undefined)
      ? [{ label: "only where the student was wrong", items: where((r) => r.whole?.correct === false) }]
      : []),
    {
      label: "only where a removal failed",
      items: where((r) =>
        r.chunks.some((chunk) => chunk.candidate && !chunk.skipped && chunk.studentAnswer !== undefined),
      ),
    },
  ];
  return { views: counted(views), items };
}

/** Forced verdicts decode nothing, so there is a verdict and no answer to quote. */
function wholeVerdict({ answer, correct }: NonNullable<ReportData["rationales"][number]["whole"]>): string {
  const verdict = correct ? "right" : "wrong";
  return answer === undefined
    ? `With the whole rationale the student's answer is ${verdict}.`
    : `With the whole rationale the student answers ${quoted(answer)}: ${verdict}.`;
}

function quoted(answer: string | undefined): string {
  return answer === undefined || answer === "" ? "nothing readable" : `“${word(answer)}”`;
}

/** The steps of chunk m with their roles, or the chunk's text as one piece where the boundaries do not fit it. */
function stepsOfChunk(rationale: ReportData["rationales"][number], m: number): PageStep[] {
  const chunk = rationale.chunks[m]!;
  const [start, end] = [rationale.boundariesAfter[m], rationale.boundariesAfter[m + 1]];
  const steps = start === undefined || end === undefined ? [] : rationale.steps.slice(start, end);
  if (
    steps.length === 0 ||
    steps.length > maxSteps ||
    steps
      .map((step) => step.text)
      .join("")
      .trim() !== chunk.text.trim()
  )
    return [{ text: body(chunk.text), role: "" }];
  return steps.map((step) => ({ text: body(step.text.trim()), role: step.role ?? "" }));
}

function pageProblems(problems: ReportData["problems"], looks: MethodLook[]): PageData["problems"] {
  const items = withinBudget(
    problems.slice(0, maxProblems).map(
      (problem): PageProblem => ({
        id: word(problem.id),
        question: body(problem.question),
        answer: word(problem.answer),
        outputs: looks.flatMap((look, method) => {
          const output = Object.hasOwn(problem.outputs, look.name) ? problem.outputs[look.name] : undefined;
          if (output === undefined) return [];
          const text = body(output.text);
          const answer = output.answer === undefined ? "" : word(output.answer);
          const [start, end] = answerPlace(text, answer);
          const time = output.seconds === undefined ? "" : `, ${duration(output.seconds)}`;
          return [
            {
              method,
              text,
              start,
              end,
              answer,
              correct: output.correct,
              note: `${decimal(output.tokens)} tokens${time}`,
            },
          ];
        }),
      }),
    ),
    maxProblems,
  );
  const right = (i: number, method: number): boolean | undefined =>
    items[i]!.outputs.find((output) => output.method === method)?.correct;
  const where = (test: (i: number) => boolean): number[] => items.flatMap((_, i) => (test(i) ? [i] : []));
  const views: View[] = [
    { label: "all", items: items.map((_, i) => i) },
    {
      label: "methods disagree",
      items: where((i) => new Set(items[i]!.outputs.map((o) => o.correct)).size > 1),
    },
    { label: "all right", items: where((i) => items[i]!.outputs.every((o) => o.correct)) },
    { label: "all wrong", items: where((i) => items[i]!.outputs.every((o) => !o.correct)) },
  ];
  const named = (name: string): number => looks.findIndex((look) => look.name === name);
  const anchors = ["full", "cwt-sbc", "cwt-ac"].map(named).filter((method) => method >= 0);
  for (const anchor of anchors) {
    // Pairs of two anchors come up once, from the first of them.
    const others = looks
      .map((_, i) => i)
      .filter((i) => i !== anchor && !anchors.slice(0, anchors.indexOf(anchor)).includes(i));
    for (const other of anchor === anchors[0] ? others : others.filter((i) => i === named("stt"))) {
      const [one, two] = [looks[anchor]!.name, looks[other]!.name].map((name) => clipLabel(name, 24));
      views.push({
        label: `${one} wrong, ${two} right`,
        items: where((i) => right(i, anchor) === false && right(i, other) === true),
      });
      views.push({
        label: `${one} right, ${two} wrong`,
        items: where((i) => right(i, anchor) === true && right(i, other) === false),
      });
    }
  }
  return { views: counted(views), items };
}

/** Adds the counts to the names; filters that let nothing through are left out. */
export function counted(views: View[]): View[] {
  return views
    .filter((view, i) => i === 0 || view.items.length > 0)
    .map((view) => ({ label: `${cleanText(view.label)} (${view.items.length})`, items: view.items }));
}

/** Where the answer stands: after the first answer marker, where it is read, or else its last occurrence. */
export function answerPlace(text: string, answer: string): [number, number] {
  if (answer === "") return [-1, -1];
  const marker = text.indexOf("-->");
  const afterMarker = marker < 0 ? -1 : text.indexOf(answer, marker + 3);
  const start = afterMarker >= 0 ? afterMarker : text.lastIndexOf(answer);
  return start < 0 ? [-1, -1] : [start, start + answer.length];
}

export function browser(
  id: string,
  name: string,
  page: { views: View[]; items: unknown[] },
  intro: Html,
): Html {
  const options = page.views
    .map((view, i) => `<option value="${i}">${escapeHtml(view.label)}</option>`)
    .join("");
  return (
    `${intro}<div class="browser" id="${id}-browser" role="group" aria-label="${escapeHtml(name)}">` +
    `<div class="controls"><button type="button" data-move="-1" aria-label="previous">←</button>` +
    `<button type="button" data-move="1" aria-label="next">→</button>` +
    `<output aria-live="polite" class="position"></output>` +
    `<label>Show <select>${options}</select></label></div>` +
    `<div class="item" tabindex="0" aria-label="current item"></div>` +
    `<noscript><p class="empty">Browsing needs the script of this page; everything above works without it.</p></noscript></div>` +
    `<p class="note keys">Keys: ← and → move, Home and End jump to the ends.</p>`
  );
}

export function rationalesSection(data: ReportData, page: PageData): Html {
  const heading = `<section id="rationales"><h2>Training rationales</h2>`;
  if (page.rationales.items.length === 0)
    return `${heading}<p class="empty">No rationales were kept for this report.</p></section>`;
  const heat = [0, 1, 2, 3, 4, 5, 6].map((tone) => `<i class="h${tone}"></i>`).join("");
  return (
    heading +
    browser(
      "rationales",
      "Training rationales",
      page.rationales,
      `<p>A sample of what the student learned from, chunk by chunk. The tone is the student's mean loss on a chunk: ` +
        `<span class="heat-scale">sure ${heat} surprised</span>. Struck chunks were skipped.</p>`,
    ) +
    cutNote(page.rationales.items.length, data.rationales.length, "rationales of the sample") +
    `</section>`
  );
}

export function problemsSection(data: ReportData, page: PageData, looks: MethodLook[]): Html {
  const heading = `<section id="problems"><h2>Held-out problems</h2>`;
  const { items } = page.problems;
  if (items.length === 0)
    return `${heading}<p class="empty">No outputs were kept for this report.</p></section>`;
  return (
    heading +
    browser("problems", "Held-out problems", page.problems, gridFigure(items, looks)) +
    cutNote(items.length, data.problems.length, "problems") +
    `</section>`
  );
}

/** All problems at a glance, those that most methods get right first. */
function gridFigure(items: PageProblem[], looks: MethodLook[]): Html {
  if (items.length < 2) return "";
  const rightCount = (item: PageProblem): number => item.outputs.filter((output) => output.correct).length;
  const sorted = [...items].sort((a, b) => rightCount(b) - rightCount(a));
  const rows = looks
    .map((look, method) => ({
      look,
      correct: sorted.map((item) => item.outputs.find((output) => output.method === method)?.correct),
    }))
    .filter((row) => row.correct.some((correct) => correct !== undefined));
  return (
    `<figure><h3>Right and wrong at a glance</h3>${correctGrid(rows)}` +
    `<figcaption>One column per problem, filled where the method is right; sorted by how many methods are right.</figcaption></figure>`
  );
}
