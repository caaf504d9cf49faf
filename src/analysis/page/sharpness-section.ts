/** Sharpness: the loss around both minima, drawn on the same axes. */
import { escapeHtml, type Html } from "../../report/html.ts";
import { decimal, percent, percentTick } from "../../report/numbers.ts";
import { legend, type MethodLook, methodBadge } from "../../report/palette.ts";
import { table } from "../../report/sections/results.ts";
import type { InspectData } from "../data.ts";
import type { InspectSummary } from "../summary.ts";
import { lineChart, type Series } from "./line-chart.ts";

export function sharpnessSection(
  data: InspectData,
  looks: MethodLook[],
  { sharpness: summaries }: InspectSummary,
): Html {
  const heading = `<section id="sharpness"><h2>Sharpness</h2>`;
  const first = data.sharpness[0];
  if (first === undefined)
    return `${heading}<p class="empty">Neither the full nor a chunk-wise student was trained in this run.</p></section>`;
  const names = data.sharpness.map(({ method }) => method);
  const lookOf = (name: string): MethodLook => looks.find((look) => look.name === name)!;
  const { directions, range } = data.settings.sharpness;
  const lines = data.sharpness.flatMap(({ method, steps, lines: all }) =>
    all.map(
      (line): Series => ({
        look: lookOf(method),
        kind: "line",
        points: line.map((y, i) => ({ x: steps[i]!, y })),
      }),
    ),
  );
  const balls = data.sharpness.flatMap(({ method, loss, balls: all }): Series[] => {
    const look = lookOf(method);
    const points = all.map(({ radius, largestLoss }) => ({ x: radius, y: largestLoss - loss }));
    return [
      { look, kind: "line", points: [{ x: 0, y: 0 }, ...points] },
      { look, kind: "dots", points },
    ];
  });
  return (
    `${heading}<p>The loss on the same ${decimal(first.sequences)} training rationales and answers (${decimal(first.targetTokens)} tokens), each student asked as it was trained to be asked. A flat minimum loses little when its weights are moved.</p>` +
    table(
      "Loss at the minimum and its rise around it, nats per token",
      [
        "Student",
        "Loss",
        `Rise at<br>±${decimal(range / 2, 2)}`,
        `Rise at<br>±${decimal(range, 2)}`,
        ...first.balls.map(({ radius }) => `Ball<br>ρ = ${percent(radius)}`),
      ],
      summaries.map((one) => [
        methodBadge(looks, one.method),
        ...[one.loss, one.riseHalfway, one.riseAtEnd, ...one.balls.map(({ rise }) => rise)].map((value) =>
          escapeHtml(decimal(value, 3)),
        ),
      ]),
    ) +
    `<p class="note">Rise: mean over ${decimal(directions)} directions and both sides. Ball: the largest rise that ${decimal(data.settings.sharpness.ascentSteps)} steps of gradient ascent find within ρ of the length of all matrices, a lower bound of the largest there is.</p>` +
    `<figure><h3>Along random filter-normalized directions</h3>${legend(looks, names)}${lineChart(lines, {
      xTitle: "step along the direction, in lengths of the weights",
      yTitle: "loss (nats per token)",
      description: `Loss along ${directions} random directions around the minima of ${names.join(" and ")}`,
      height: 380,
      y: "auto",
    })}<figcaption>One line per direction; both students move along the same draws, each filter scaled to its own length (Li et al. 2018). Biases and normalization weights stay.</figcaption></figure>` +
    `<figure><h3>Largest rise within a ball</h3>${legend(looks, names)}${lineChart(balls, {
      xTitle: "radius ρ, relative to the length of the weights",
      yTitle: "rise of the loss (nats per token)",
      description: `Largest rise of the loss within a radius for ${names.join(" and ")}`,
      height: 320,
      xFormat: percentTick,
    })}</figure></section>`
  );
}
