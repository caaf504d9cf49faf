/**
 * Training step, embedded engine against PyTorch: same weights, same batches, in turns (ours, PyTorch, ours, …), so that
 * whatever else the machine does weighs on both alike. Prints; asserts nothing.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { itemLength } from "../src/method/items/batches.ts";
import { findFamily } from "../src/students/families/index.ts";
import { writeModelFolder } from "../src/students/model-folder.ts";
import { median } from "./median.ts";
import { type BenchShape, batchesOf, configOf, type ItemKind, itemKinds, shapes } from "./shapes.ts";
import { type StepTimes, Worker } from "./worker.ts";

export interface TrainStepOptions {
  shapes: readonly string[];
  kinds: readonly string[];
  rounds: number;
  stepsPerTurn: number;
  threads: number;
  pytorch: boolean;
}

const batchCount = 8;
/** Milliseconds between turns. Both sides' threads wait in loops for a while after a step, and would take the other side's cores. */
const pause = 250;
const learningRate = 1e-4;

export async function benchTrainStep(options: TrainStepOptions): Promise<void> {
  const threads = options.threads > 0 ? options.threads : cpus().length;
  console.log(`train step, ${threads} threads on ${cpus()[0]!.model} (${cpus().length} cores)`);
  let versionsShown = false;
  for (const shape of shapes.filter(({ name }) => options.shapes.includes(name))) {
    const folder = await mkdtemp(join(tmpdir(), "skipthink-bench-"));
    try {
      const parameters = await writeStudent(shape, folder);
      console.log(
        `\n${shape.name}: ${(parameters / 1e6).toFixed(1)} M parameters, ${shape.layers} layers x ${shape.width}, ` +
          `vocabulary ${shape.vocabularySize}, ${shape.rows}x${shape.time} tokens`,
      );
      for (const kind of itemKinds.filter((one) => options.kinds.includes(one))) {
        const versions = await compare(shape, kind, folder, threads, options);
        if (!versionsShown) console.log(`  versions: ${JSON.stringify(versions)}`);
        versionsShown = true;
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

/** A random student of the shape. @returns its parameters */
export async function writeStudent(shape: BenchShape, folder: string): Promise<number> {
  const config = configOf(shape);
  const entry = findFamily(String(config.model_type), "config.json");
  const weights = entry.initialize(config, "config.json", 1);
  const tensors = [...entry.create(config, "config.json").parameterShapes].map(([name, dimensions]) => ({
    name,
    shape: dimensions,
    data: weights.get(name)!,
  }));
  await writeModelFolder(folder, { config, generationConfig: undefined, tensors });
  return tensors.reduce((sum, { data }) => sum + data.length, 0);
}

async function compare(
  shape: BenchShape,
  kind: ItemKind,
  folder: string,
  threads: number,
  options: TrainStepOptions,
): Promise<Record<string, string>> {
  const batchFile = join(folder, `batches-${kind}.json`);
  const batches = batchesOf(shape, kind, batchCount);
  await writeFile(
    batchFile,
    JSON.stringify(
      batches.map((batch) => ({
        ids: batch.map(({ prompt, context, target }) => [...prompt, ...context, ...target]),
        given: batch.map(({ prompt, context }) => prompt.length + context.length),
        weights: batch.map(({ weight }) => weight),
      })),
    ),
  );
  const common = [String(threads), String(learningRate)];
  const sides = [
    new Worker("skipthink", process.execPath, [
      join(import.meta.dirname, `train-step-worker${import.meta.filename.slice(-3)}`),
      folder,
      shape.name,
      kind,
      common[0]!,
      String(batchCount),
      common[1]!,
    ]),
  ];
  if (options.pytorch) {
    const python = process.env.SKIPTHINK_PYTHON ?? "python3";
    sides.push(
      new Worker("PyTorch", python, [resolve("bench/pytorch_train_step.py"), folder, batchFile, ...common]),
    );
  }
  try {
    for (const side of sides) await side.start();
    // Two warm-up steps each, whose losses show that both sides compute the same thing.
    const warm: StepTimes[] = [];
    for (const side of sides) warm.push(await side.steps(2));
    const all = sides.map((): StepTimes[] => []);
    const rounds = shape.slow ? Math.min(5, options.rounds) : options.rounds;
    const stepsPerTurn = shape.slow ? 1 : options.stepsPerTurn;
    for (let round = 0; round < rounds; round++) {
      console.error(`${shape.name} ${kind}: round ${round + 1} of ${rounds}`);
      for (const [i, side] of sides.entries()) {
        await setTimeout(pause);
        all[i]!.push(await side.steps(stepsPerTurn));
      }
    }
    // The last token of a sequence predicts nothing and is not read.
    const read = batches.map((batch) => batch.map((item) => itemLength(item) - 1));
    const tokens = read.flat().reduce((sum, length) => sum + length, 0) / batches.length;
    const padded =
      read.reduce((sum, lengths) => sum + lengths.length * Math.max(...lengths), 0) / batches.length;
    console.log(
      `  ${kind.padEnd(5)} ${Math.round(tokens)} tokens a step, padded share ${(100 * (1 - tokens / padded)).toFixed(1)} % on both sides`,
    );
    const summary = all.map((turns) => ({
      wall: median(turns.flatMap(({ seconds }) => seconds)),
      cpu: median(turns.flatMap(({ cpuSeconds }) => cpuSeconds)),
      peak: turns.at(-1)!.peakMegabytes,
    }));
    summary.forEach(({ wall, cpu, peak }, i) => {
      const name = ["skipthink", "PyTorch"][i]!.padEnd(9);
      console.log(
        `  ${kind.padEnd(5)} ${name} ${(wall * 1000).toFixed(1).padStart(8)} ms  ` +
          `${Math.round(tokens / wall)
            .toLocaleString("en")
            .padStart(7)} tok/s  ` +
          `processor ${(cpu * 1000).toFixed(1).padStart(8)} ms  peak ${peak.toFixed(0).padStart(5)} MB  ` +
          `first losses ${warm[i]!.losses.map((loss) => loss.toFixed(5)).join(" ")}`,
      );
    });
    if (summary.length === 2) {
      const [ours, theirs] = summary as [(typeof summary)[0], (typeof summary)[0]];
      // Turn by turn: a load that comes and goes weighs on neighbours alike.
      const perRound = all[0]!.map((turn, i) => median(all[1]![i]!.seconds) / median(turn.seconds));
      console.log(
        `  ${kind.padEnd(5)} speed of PyTorch: ${(theirs.wall / ours.wall).toFixed(2)}x by medians, ` +
          `${median(perRound).toFixed(2)}x by rounds (${Math.min(...perRound).toFixed(2)}-${Math.max(...perRound).toFixed(2)}), ` +
          `${(theirs.cpu / ours.cpu).toFixed(2)}x by processor time`,
      );
    }
    return Object.assign({}, ...sides.map((side) => side.ready!.versions)) as Record<string, string>;
  } finally {
    for (const side of sides) side.stop();
  }
}
