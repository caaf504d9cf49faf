/** Where a training step's time goes: onnxruntime's own profile, summed by operator. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { makeParameterStore } from "../src/engine/onnx/parameters.ts";
import ort from "../src/engine/onnx/runtime.ts";
import { defaultOptimizer } from "../src/engine/onnx/student.ts";
import { Trainer } from "../src/engine/onnx/training.ts";
import { findFamily } from "../src/students/families/index.ts";
import { batchesOf, configOf, itemKinds, shapes } from "./shapes.ts";

const steps = 12;

interface TraceEvent {
  cat: string;
  name: string;
  /** Microseconds. */
  dur: number;
  args?: { op_name?: string; output_type_shape?: Record<string, number[]>[] };
}

export async function benchProfile(options: {
  shapes: readonly string[];
  kinds: readonly string[];
  threads: number;
}): Promise<void> {
  const threads = options.threads > 0 ? options.threads : cpus().length;
  for (const shape of shapes.filter(({ name }) => options.shapes.includes(name))) {
    for (const kind of itemKinds.filter((one) => options.kinds.includes(one))) {
      const config = configOf(shape);
      const entry = findFamily(String(config.model_type), "config.json");
      const family = entry.create(config, "config.json");
      const store = makeParameterStore(family.parameterShapes, entry.initialize(config, "config.json", 1));
      const batches = batchesOf(shape, kind, steps);
      const trainer = new Trainer(family, store, defaultOptimizer, threads);
      const folder = await mkdtemp(join(tmpdir(), "skipthink-profile-"));
      try {
        const session = await profiled(folder, () => trainer.train([batches[0]!], 1e-4));
        for (let i = 1; i < steps; i++) await trainer.train([batches[i]!], 1e-4);
        session.endProfiling();
        // Beside the training there may be the tiny session that tries out in-place results.
        const traces = await Promise.all(
          (await readdir(folder)).map((file) => readFile(join(folder, file), "utf8")),
        );
        const longest = traces.reduce((a, b) => (b.length > a.length ? b : a));
        const events = JSON.parse(longest) as TraceEvent[];
        console.log(`\n${shape.name} ${kind}, ${threads} threads: fastest of ${steps} steps`);
        printOperators(events);
      } finally {
        await trainer.close();
        await rm(folder, { recursive: true, force: true });
      }
    }
  }
}

/** The session that `work` makes, with profiling switched on: the engine has no option for it, so the factory is wrapped. */
async function profiled(folder: string, work: () => Promise<unknown>): Promise<ort.InferenceSession> {
  const factory = ort.InferenceSession as unknown as {
    create(model: Uint8Array, options: ort.InferenceSession.SessionOptions): Promise<ort.InferenceSession>;
  };
  const create = factory.create;
  let session: ort.InferenceSession | undefined;
  factory.create = async (model, sessionOptions) => {
    const profileFilePrefix = join(folder, "profile");
    session = await create.call(factory, model, {
      ...sessionOptions,
      enableProfiling: true,
      profileFilePrefix,
    });
    return session;
  };
  try {
    await work();
  } finally {
    factory.create = create;
  }
  return session!;
}

/** Per node its fastest run (at other times another process may have had the core), summed by operator. */
function printOperators(events: readonly TraceEvent[]): void {
  const nodes = new Map<string, { operator: string; shape: string; times: number[] }>();
  for (const { cat, name, dur, args } of events) {
    if (cat !== "Node" || !name.endsWith("_kernel_time")) continue;
    const shape = (args?.output_type_shape ?? []).map((one) => Object.values(one)[0]!.join("x")).join(" ");
    const node = nodes.get(name) ?? { operator: args?.op_name ?? "?", shape, times: [] };
    node.times.push(dur);
    nodes.set(name, node);
  }
  const rows = [...nodes.values()].map(({ operator, shape, times }) => ({
    operator,
    shape,
    milliseconds: Math.min(...times) / 1000,
  }));
  const total = rows.reduce((sum, row) => sum + row.milliseconds, 0);
  console.log(`  kernels ${total.toFixed(1)} ms, ${rows.length} nodes`);
  const print = (key: (row: (typeof rows)[0]) => string, limit: number): void => {
    const groups = new Map<string, { count: number; milliseconds: number }>();
    for (const row of rows) {
      const group = groups.get(key(row)) ?? { count: 0, milliseconds: 0 };
      group.count += 1;
      group.milliseconds += row.milliseconds;
      groups.set(key(row), group);
    }
    const sorted = [...groups].sort((a, b) => b[1].milliseconds - a[1].milliseconds).slice(0, limit);
    for (const [name, { count, milliseconds }] of sorted) {
      const share = ((100 * milliseconds) / total).toFixed(1);
      console.log(`  ${milliseconds.toFixed(2).padStart(9)} ms ${share.padStart(5)} %  ${count} x ${name}`);
    }
  };
  print(({ operator }) => operator, 20);
  console.log("  by output shape");
  print(({ operator, shape }) => `${operator} ${shape}`, 40);
}
