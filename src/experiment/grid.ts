/** The grid of an experiment as a list of cells; each is one run of the recipe with overrides of its own. */
import type { MethodName } from "../method/baselines/plan.ts";
import type { Experiment } from "../pipeline/config/experiment.ts";
import { type LoadOptions, loadRecipe } from "../pipeline/config/load.ts";
import { inputError } from "../util/errors.ts";
import { nearest } from "../util/nearest.ts";

/** A run whose budget is what a method of another run has used. */
export interface EqualBudget {
  unit: "trainedTokens" | "optimizerSteps";
  as: MethodName;
  methods: readonly MethodName[];
}

export interface Cell {
  /** Name of its run folder, unique in the experiment. */
  id: string;
  /** Axis → value. */
  setting: Readonly<Record<string, string>>;
  seed: number;
  /** Overrides of the recipe, in order; those of a cell that follows another get its budget when that one is done. */
  overrides: readonly string[];
  /** The cell this one follows, and how its budget is found there. */
  follows?: { id: string; equal: EqualBudget };
}

export interface GridSelection {
  /** In place of the recipe's seeds. */
  seeds?: readonly number[];
  /** Axis → the values to run; other axes are run whole. */
  only?: Readonly<Record<string, readonly string[]>>;
  /** Overrides from the command line; the grid's own come after them. */
  overrides?: readonly string[];
}

/** A grid beyond this is a slip of the pen. */
const mostCells = 10_000;

/**
 * All cells, the first seed of every setting before the second, so that a whole table is there early. A cell that follows
 * another comes after it.
 * @throws SkipthinkError (exit 2) for a selection of an axis or value that the grid does not have
 */
export function gridCells(experiment: Experiment, selection: GridSelection = {}): Cell[] {
  const axes = Object.entries(experiment.axes).map(([name, values]) => {
    const wanted = selection.only?.[name] ?? Object.keys(values);
    for (const value of wanted) checkKnown(value, Object.keys(values), `experiment.axes.${name}`);
    return { name, values: wanted.map((value) => ({ value, overrides: values[value]! })) };
  });
  for (const name of Object.keys(selection.only ?? {}))
    checkKnown(name, Object.keys(experiment.axes), "experiment.axes");

  const seeds = [...new Set(selection.seeds ?? experiment.seeds)];
  const perSetting = seeds.length * (1 + experiment.equal.length);
  if (axes.reduce((product, { values }) => product * values.length, perSetting) > mostCells)
    throw inputError(
      `the grid has more than ${mostCells} cells`,
      { key: "experiment" },
      "Take fewer values or seeds.",
    );
  let settings: { setting: Record<string, string>; overrides: string[] }[] = [
    { setting: {}, overrides: ["experiment=null", ...(selection.overrides ?? [])] },
  ];
  for (const { name, values } of axes) {
    settings = settings.flatMap(({ setting, overrides }) =>
      values.map((one) => ({
        setting: { ...setting, [name]: one.value },
        overrides: [...overrides, ...one.overrides],
      })),
    );
  }
  const cells = seeds.flatMap((seed) =>
    settings.flatMap(({ setting, overrides }) => withFollowers(experiment, setting, overrides, seed)),
  );
  const ids = new Set(cells.map(({ id }) => id));
  if (ids.size !== cells.length)
    throw inputError(
      "two cells of the grid would have the same folder: names differ only in marks",
      { key: "experiment.axes" },
      "Give the values names that differ in letters or digits, and name no follow-up twice.",
    );
  return cells;
}

function withFollowers(
  experiment: Experiment,
  setting: Record<string, string>,
  overrides: readonly string[],
  seed: number,
): Cell[] {
  const names = Object.values(setting).map(folderName);
  const id = [...(names.length === 0 ? ["run"] : names), `seed-${seed}`].join("-");
  const first: Cell = { id, setting, seed, overrides: [...overrides, `seed=${seed}`] };
  const followers = experiment.equal.map((equal) => ({
    ...first,
    id: `${id}-${equal.unit}-of-${equal.as}`,
    overrides: [...first.overrides, `methods=[${equal.methods.join(", ")}]`],
    follows: { id, equal },
  }));
  return [first, ...followers];
}

/** Overrides that give a following cell the budget that was used. @param amount steps or tokens */
export function budgetOverrides({ unit }: EqualBudget, amount: number): string[] {
  return [`train.budget={unit: ${unit}, amount: ${amount}}`, "train.budgets=null"];
}

/** "cwt-sbc's trained tokens": what stands in the table's budget column for a following cell. */
export function describeEqual({ unit, as }: EqualBudget): string {
  return `${as}'s ${unit === "trainedTokens" ? "trained tokens" : "optimizer steps"}`;
}

function folderName(text: string): string {
  return text.replace(/[^\p{L}\p{N}_.]+/gu, "-");
}

function checkKnown(name: string, known: readonly string[], key: string): void {
  if (known.includes(name)) return;
  const meant = nearest(name, known);
  throw inputError(
    `the experiment has no "${name}" there`,
    { key },
    `${meant === undefined ? "" : `Did you mean "${meant}"? `}It has ${known.join(", ") || "none"}.`,
  );
}

/**
 * A cell can only follow a run that trains the method whose budget it takes.
 * @throws SkipthinkError (exit 2) where it does not
 */
export async function checkFollowed(
  cell: Cell,
  cells: readonly Cell[],
  { recipe: path, load }: { recipe: string; load?: LoadOptions },
): Promise<void> {
  if (cell.follows === undefined) return;
  const { id, equal } = cell.follows;
  const first = cells.find((one) => one.id === id);
  if (first === undefined) return;
  const { recipe } = await loadRecipe(path, first.overrides, load);
  if (recipe.methods.includes(equal.as)) return;
  throw inputError(
    `experiment.equal takes the budget of ${equal.as}, which is not among the methods`,
    { key: "experiment.equal" },
    `Add ${equal.as} to methods, or name another method in experiment.equal.`,
  );
}
