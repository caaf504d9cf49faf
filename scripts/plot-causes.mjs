/**
 * docs/img/causes.svg from the results of `skipthink experiment study-causes`: accuracy against the number of chunks, of training
 * rationales and against wordiness, with standard errors over seeds.
 *
 * node scripts/plot-causes.mjs OUT/results.json > docs/img/causes.svg
 */
import { readFileSync } from "node:fs";

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error("usage: node scripts/plot-causes.mjs OUT/results.json > docs/img/causes.svg");
  process.exit(2);
}
const { rows } = JSON.parse(readFileSync(file, "utf8")).skipthink;
const seeds = Math.min(...rows.map((row) => row.seeds.length));
const chance = 50;

/** Settings of the recipe along each axis; all pass through "base". */
const panels = [
  { title: "chunks M", settings: { M2: 2, base: 3, M5: 5, M8: 8 } },
  {
    title: "training rationales",
    settings: { n300: 300, n600: 600, base: 1200, n2400: 2400 },
    logarithmic: true,
  },
  {
    title: "words that do not reason (task.wordiness)",
    settings: { w0: 0, "w0.2": 0.2, base: 0.35, "w0.5": 0.5 },
  },
];
const series = [
  { label: "full, one epoch", method: "full", budget: "recipe's", color: "#8a94a3" },
  {
    label: "full, cwt-sbc's trained tokens",
    method: "full",
    budget: "cwt-sbc's trained tokens",
    color: "#5b6b82",
    dash: "6 3",
  },
  {
    label: "full, cwt-sbc's optimizer steps",
    method: "full",
    budget: "cwt-sbc's optimizer steps",
    color: "#1f2937",
    dash: "2 3",
  },
  { label: "cwt-sbc", method: "cwt-sbc", budget: "recipe's", color: "#2563a8" },
  { label: "stt", method: "stt", budget: "recipe's", color: "#c2410c" },
];
const [width, height, left, top, gap] = [270, 230, 52, 78, 34];
const low = 30;
const y = (percent) => top + height * (1 - (percent - low) / (100 - low));
const round = (value) => Math.round(value * 10) / 10;

function find(setting, { method, budget }) {
  return rows.find(
    (row) => row.setting.setting === setting && row.method === method && row.budget === budget,
  );
}

function panel({ title, settings, logarithmic = false }, start) {
  const scale = (value) => (logarithmic ? Math.log(value) : value);
  const values = Object.values(settings);
  const [first, last] = [scale(values[0]), scale(values.at(-1))];
  const x = (value) => start + 18 + ((width - 36) * (scale(value) - first)) / (last - first);
  const ticks = [40, 60, 80, 100].map(
    (tick) =>
      `<line x1="${start}" x2="${start + width}" y1="${round(y(tick))}" y2="${round(y(tick))}" stroke="#e3e6ea"/>`,
  );
  const labels = values.map(
    (value) => `<text x="${round(x(value))}" y="${top + height + 18}" text-anchor="middle">${value}</text>`,
  );
  const guess = `<line x1="${start}" x2="${start + width}" y1="${round(y(chance))}" y2="${round(y(chance))}" stroke="#999" stroke-dasharray="1 4"/>`;
  const curves = series.map((one, i) => {
    const points = Object.entries(settings).map(([setting, value]) => {
      const { mean, standardError = 0 } = find(setting, one).accuracy;
      // Side by side, so that bars of neighbours can be told apart.
      return { at: x(value) + 3 * (i - 2), mean: 100 * mean, error: 100 * standardError };
    });
    const line = points.map(({ at, mean }) => `${round(at)},${round(y(mean))}`).join(" ");
    const marks = points.map(
      ({ at, mean, error }) =>
        `<line x1="${round(at)}" x2="${round(at)}" y1="${round(y(mean - error))}" y2="${round(y(mean + error))}" stroke="${one.color}"/>` +
        `<circle cx="${round(at)}" cy="${round(y(mean))}" r="3" fill="${one.color}"/>`,
    );
    const dash = one.dash === undefined ? "" : ` stroke-dasharray="${one.dash}"`;
    return `<polyline points="${line}" fill="none" stroke="${one.color}" stroke-width="1.8"${dash}/>${marks.join("")}`;
  });
  return `<g>${ticks.join("")}${guess}${curves.join("")}${labels.join("")}<text x="${start + width / 2}" y="${top + height + 40}" text-anchor="middle">${title}</text></g>`;
}

const legend = series.map(({ label, color, dash }, i) => {
  const at = left + [0, 130, 335, 545, 635][i];
  const stroke = dash === undefined ? "" : ` stroke-dasharray="${dash}"`;
  return `<line x1="${at}" x2="${at + 22}" y1="44" y2="44" stroke="${color}" stroke-width="2"${stroke}/><text x="${at + 27}" y="48">${label}</text>`;
});
const axis = [40, 60, 80, 100].map(
  (tick) => `<text x="${left - 8}" y="${round(y(tick))}" dy="0.32em" text-anchor="end">${tick}</text>`,
);
const total = left + panels.length * width + (panels.length - 1) * gap + 12;
process.stdout.write(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${total} ${top + height + 54}" font-family="sans-serif" font-size="12">` +
    `<rect width="100%" height="100%" fill="#fff"/>` +
    `<text x="8" y="20" font-size="14">Accuracy on the coin, %, mean and standard error over ${seeds} seeds; dotted: guessing</text>` +
    `${legend.join("")}${axis.join("")}${panels.map((one, i) => panel(one, left + i * (width + gap))).join("")}</svg>\n`,
);
