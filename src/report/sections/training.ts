/** Training: loss and dev accuracy by method, against optimizer steps, trained tokens or time. */
import { type Curve, curveChart } from "../charts/curves.ts";
import type { ReportData } from "../data.ts";
import { escapeHtml, type Html } from "../html.ts";
import { maxCurvePoints } from "../limits.ts";
import { legend, type MethodLook } from "../palette.ts";

type CurvePoint = ReportData["lossCurves"][number]["points"][number];

const xAxes = [
  { id: "steps", choice: "Steps", title: "optimizer steps", value: (point: CurvePoint) => point.step },
  {
    id: "tokens",
    choice: "Trained tokens",
    title: "trained tokens",
    value: (point: CurvePoint) => point.trainedTokens,
  },
  {
    id: "seconds",
    choice: "Time",
    title: "seconds of training",
    value: (point: CurvePoint) => point.seconds,
  },
] as const;

export function trainingSection(data: ReportData, looks: MethodLook[]): Html {
  const heading = `<section id="training"><h2>Training</h2>`;
  const drawn = looks.flatMap((look) => {
    const curve = data.lossCurves.find((candidate) => candidate.method === look.name);
    return curve === undefined || curve.points.length === 0 ? [] : [{ look, points: curve.points }];
  });
  if (drawn.length === 0) return `${heading}<p class="empty">No loss curves were recorded.</p></section>`;
  const has = (key: "devLoss" | "devAccuracy"): boolean =>
    drawn.some(({ points }) => points.some((point) => typeof point[key] === "number"));
  const averaged = drawn.some(({ points }) => points.length > maxCurvePoints);
  const names = drawn.map(({ look }) => look.name);

  const panels = xAxes.map((axis) => {
    const line = (key: "loss" | "devLoss" | "devAccuracy"): Curve[] =>
      drawn.map(({ look, points }) => ({
        look,
        dashed: key === "devLoss",
        points: points.flatMap((point) => {
          const y = point[key];
          return typeof y === "number" ? [{ x: axis.value(point), y }] : [];
        }),
      }));
    const loss = curveChart([...line("loss"), ...line("devLoss")], {
      xTitle: axis.title,
      yTitle: "loss (nats per target token)",
      description: `Training loss of ${names.join(", ")} against ${axis.title}`,
      height: 360,
      y: "loss",
    });
    const accuracy = has("devAccuracy")
      ? `<h3>Accuracy on the dev split</h3>${curveChart(line("devAccuracy"), {
          xTitle: axis.title,
          yTitle: "dev accuracy",
          description: `Dev accuracy of ${names.join(", ")} against ${axis.title}`,
          height: 280,
          y: "share",
        })}`
      : "";
    return `<div class="panel panel-${axis.id}">${loss}${accuracy}</div>`;
  });
  // Radio buttons that the style sheet reads: the switch works without a script and by keyboard.
  const choices = xAxes.map(
    (axis, i) =>
      `<input type="radio" name="curve-axis" id="axis-${axis.id}"${i === 0 ? " checked" : ""}><label for="axis-${axis.id}">${axis.choice}</label>`,
  );
  return (
    `${heading}<figure class="switch"><h3>Loss</h3>${legend(looks, names)}<fieldset><legend>Horizontal axis</legend>${choices.join("")}</fieldset>` +
    `${panels.join("")}<figcaption>${escapeHtml(caption(has("devLoss"), averaged))}</figcaption></figure></section>`
  );
}

function caption(devLoss: boolean, averaged: boolean): string {
  return [
    "Methods train on different targets (a chunk, a whole rationale, an answer), so compare the shapes of the loss curves rather than their heights.",
    devLoss ? "Dashed: loss on the dev split." : "",
    averaged ? `Curves with more than ${maxCurvePoints} points are averaged in equal groups.` : "",
  ]
    .filter((part) => part !== "")
    .join(" ");
}
