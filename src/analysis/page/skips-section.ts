/** Skips by role: precision and recall of the probed skips against as many skips drawn by lot. */
import type { Html } from "../../report/html.ts";
import { decimal, points } from "../../report/numbers.ts";
import { legend, type MethodLook, methodLooks } from "../../report/palette.ts";
import type { InspectData } from "../data.ts";
import { pairedBars } from "./paired-bars.ts";

export function skipsSection({ skips }: InspectData): Html {
  const heading = `<section id="skips"><h2>Skips</h2>`;
  if (skips === undefined)
    return `${heading}<p class="empty">The task does not say what its steps do, or nothing was probed; the report has the skips themselves.</p></section>`;
  return (
    `${heading}<p>The generator of the task knows which steps reason or state the answer. Skips are good when they hit the others.</p>` +
    bars(skips) +
    `</section>`
  );
}

function bars({ probed, random }: NonNullable<InspectData["skips"]>): Html {
  const looks = skipLooks();
  const [first, second] = looks.map(({ name, colour }) => ({ name, colour }));
  const pair = (a: number | undefined, b: number | undefined) => [
    { ...first!, share: a },
    { ...second!, share: b },
  ];
  const quality = [
    ["precision", probed.precision, random.precision],
    ["recall", probed.recall, random.recall],
  ] as const;
  const gains = quality.map(([name, a, b]) => ({
    name,
    bars: pair(a, b),
    note: a === undefined || b === undefined ? "" : `${points(a - b)} points`,
  }));
  const roles = probed.byRole.map(({ role, steps, skipped }) => {
    const drawn = random.byRole.find((one) => one.role === role);
    return {
      name: role,
      bars: pair(skipped / steps, drawn === undefined ? undefined : drawn.skipped / drawn.steps),
      note: `of ${decimal(steps)}`,
    };
  });
  const key = legend(
    looks,
    looks.map(({ name }) => name),
  );
  return (
    `<figure><h3>Do they hit the right steps?</h3>${key}${pairedBars(gains, 1, "against")}` +
    `<figcaption>Precision: steps that are neither reasoning nor answer, of all ${decimal(probed.skipped)} skipped ones. Recall: the same, of all such steps. By lot: as many chunks of each rationale drawn at random, ${decimal(random.skipped)} steps.</figcaption></figure>` +
    `<figure><h3>Skipped steps by what they do</h3>${key}${pairedBars(roles, 0, "against")}` +
    `<figcaption>Each bar is the skipped share of the steps of that role, from 0 to 100%. Reasoning and answer steps should stay.</figcaption></figure>`
  );
}

/** Those of the students that are trained on such skips. */
function skipLooks(): MethodLook[] {
  const lossCurves = ["stt", "stt-random"].map((method) => ({ method, points: [] }));
  const looks = methodLooks({ methods: {}, comparisons: [], problems: [], lossCurves });
  const named = (method: string, name: string) =>
    looks.filter((look) => look.name === method).map((look) => ({ ...look, name }));
  return [...named("stt", "Probed"), ...named("stt-random", "By lot")];
}
