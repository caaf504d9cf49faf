/** Training: loss and dev accuracy by method, against optimizer steps, trained tokens or time. */
import { type Curve, curveChart } from "../charts/curves.ts";
import type { ReportData } from "../data.ts";
import { escapeHtml, type Html } from "../html.ts";
import { maxCurvePoints } from "../limits.ts";
import { legend, type MethodLook } from "../palette.ts";

/** Where a point of either curve stands. */
type CurvePlace = Pick<
  ReportData["lossCurves"][number]["points"][number],
  "step" | "trainedTokens" | "seconds"
>;

const xAxes = [
  { id: "steps", choice: "Steps", title: "optimizer steps", value: (point: CurvePlace) => point.step },
  {
    id: "tokens",
    choice: "Trained tokens",
    title: "trained tokens",
    value: (point: CurvePlace) => point.trainedTokens,
  },
  {
    id: "seconds",
    choice: "Time",
    title: "seconds of training",
    value: (point: CurvePlace) => point.seconds,
  },
] as const;

export function trainingSection(data: ReportData, looks: MethodLook[]): Html {
  const heading = `<section id="training"><h2>Training</h2>`;
  const drawn = looks.flatMap((look) => {
    const curve = data.lossCurves.find((candidate) => candidate.method === look.name);
    return curve === undefined || curve.points.length === 0 ? [] : [{ look, ...curve }];
  });
  if (drawn.length === 0) return `${heading}<p class="empty">No loss curves were recorded.</p></section>`;
  const averaged = drawn.some(({ points }) => points.length > maxCurvePoints);
  const names = drawn.map(({ look }) => look.name);
  // Where each method was measured once, the results table says it all.
  const count = (dev: (typeof drawn)[number]["dev"]): number => dev?.length ?? 0;
  const measured = drawn.some(({ dev }) => count(dev) > 1) ? drawn.filter(({ dev }) => count(dev) > 0) : [];

  const panels = xAxes.map((axis) => {
    const loss = curveChart(
      drawn.map(
        ({ look, points }): Curve => ({
          look,
          points: points.map((point) => ({ x: axis.value(point), y: point.loss })),
        }),
      ),
      {
        xTitle: axis.title,
        yTitle: "loss (nats per target token)",
        description: `Training loss of ${names.join(", ")} against ${axis.title}`,
        height: 360,
        y: "loss",
      },
    );
    const dev = measured.map(
      ({ look, dev: points }): Curve => ({
        look,
        points: points!.map((point) => ({ x: axis.value(point), y: point.accuracy })),
      }),
    );
    const accuracy =
      dev.length === 0
        ? ""
        : `<h3>Accuracy on the dev split</h3>${curveChart(dev, {
            xTitle: axis.title,
            yTitle: "dev accuracy",
            description: `Dev accuracy of ${measured.map(({ look }) => look.name).join(", ")} against ${axis.title}`,
            height: 280,
            y: "share",
          })}`;
    return `<div class="panel panel-${axis.id}">${loss}${accuracy}</div>`;
  });
  // Radio buttons that the style sheet reads: the switch works without a script and by keyboard.
  const choices = xAxes.map(
    (axis, i) =>
      `<input type="radio" name="curve-axis" id="axis-${axis.id}"${i === 0 ? " checked" : ""}><label for="axis-${axis.id}">${axis.choice}</label>`,
  );
  return (
    `${heading}<figure class="switch"><h3>Loss</h3>${legend(looks, names)}<fieldset><legend>Horizontal axis</legend>${choices.join("")}</fieldset>` +
    `${panels.join("")}<figcaption>${escapeHtml(caption(averaged))}</figcaption></figure></section>`
  );
}

function caption(averaged: boolean): string {
  const text =
    "Methods train on different targets (a chunk, a whole rationale, an answer), so compare the shapes of the loss curves rather than their heights. One that starts from another's student shows its own steps only.";
  return averaged
    ? `${text} Curves with more than ${maxCurvePoints} points are averaged in equal groups.`
    : text;
}
