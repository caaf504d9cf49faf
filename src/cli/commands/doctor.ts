/** `skipthink doctor`: is everything there that a run needs, and how fast is this machine? */
import { existsSync } from "node:fs";
import { mkdtemp, rm, statfs } from "node:fs/promises";
import { availableParallelism, cpus, freemem, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { createSession, run, Tensor } from "../../engine/onnx/session.ts";
import { onnxEngine } from "../../engine/onnx/student.ts";
import { checkTorch, setupCommand } from "../../engine/torch/python.ts";
import { Graph } from "../../graph/graph.ts";
import { linear } from "../../graph/operators/matmul.ts";
import { builtinBaseFolder } from "../../pipeline/stages/student.ts";
import {
  gpt2ParameterShapes,
  initializeGpt2,
  newGpt2Config,
  parseGpt2Config,
} from "../../students/gpt2-config.ts";
import { writeModelFolder } from "../../students/model-folder.ts";
import { SkipthinkError } from "../../util/errors.ts";
import { type CliIo, printJson } from "../io.ts";
import { formatSeconds } from "../terminal/format.ts";
import { stripControlCharacters } from "../terminal/sanitize.ts";
import { colorsFor, wantsColor } from "../terminal/stream.ts";
import { versions } from "../version.ts";
import { addOutputOptions, type OutputOptions } from "./options.ts";
import { formatBytes } from "./print-estimate.ts";

interface Check {
  name: string;
  /** "hint": works, but could bite. */
  state: "ok" | "hint" | "missing";
  /** For people. */
  text: string;
  /** For scripts. */
  values: Record<string, number | string | boolean>;
}

/** As package.json's "engines". */
const leastNode = [20, 19] as const;
/** The demo's run folder with its students and checkpoints, with room to spare. */
const leastDiskBytes = 500 * 2 ** 20;
const leastMemoryBytes = 2 ** 30;
/** PyTorch's data loaders exchange batches through shared memory; containers often have 64 MiB of it. */
const littleSharedMemoryBytes = 256 * 2 ** 20;

export function registerDoctor(program: Command, io: CliIo): void {
  const command = program
    .command("doctor")
    .description("check this machine and measure its speed; exit 1 if something needed is missing");
  addOutputOptions(command)
    .addHelpText("after", "\nExample:\n  $ skipthink doctor --json")
    .action(async (options: OutputOptions) => {
      const checks = [
        checkNode(),
        await checkMatrixProduct(),
        await checkTrainingStep(),
        checkBaseStudent(),
        checkMemory(),
        await checkDisk(),
        ...(await checkSharedMemory()),
        await checkTorchEngine(),
      ];
      const missing = checks.filter(({ state }) => state === "missing");
      if (options.json) {
        const entries = checks.map(({ name, state, text, values }) => [name, { state, text, ...values }]);
        printJson(io, {
          healthy: missing.length === 0,
          versions: versions(),
          ...Object.fromEntries(entries),
        });
      } else {
        const colors = colorsFor(wantsColor(io.stdout, io.environment));
        const marks = { ok: colors.green("✓"), hint: colors.yellow("!"), missing: colors.red("✗") };
        for (const { name, state, text } of checks) {
          if (options.quiet && state === "ok") continue;
          io.stdout.write(`${marks[state]} ${name.padEnd(14)} ${stripControlCharacters(text)}\n`);
        }
      }
      if (missing.length > 0) {
        throw new SkipthinkError(`missing: ${missing.map(({ name }) => name).join(", ")}`, {
          remedy: "See the lines marked with ✗ (--json: state missing).",
        });
      }
    });
}

function checkNode(): Check {
  const version = process.versions.node;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isEnough = major > leastNode[0] || (major === leastNode[0] && minor >= leastNode[1]);
  return {
    name: "node",
    state: isEnough ? "ok" : "missing",
    text: `Node.js ${version}${isEnough ? "" : `; ${leastNode.join(".")} or later is needed`}`,
    values: { version },
  };
}

/** A product of two 1024 × 1024 matrices: two thirds of a training step are products. */
async function checkMatrixProduct(): Promise<Check> {
  const name = "onnxruntime";
  try {
    const size = 1024;
    const graph = new Graph();
    const a = graph.input("a", "float32", [size, size]);
    const b = graph.input("b", "float32", [size, size]);
    graph.output(linear(a, b), "product");
    const session = await createSession(graph, "doctor", 0);
    const ones = new Tensor("float32", new Float32Array(size * size).fill(1), [size, size]);
    const into = new Tensor("float32", new Float32Array(size * size), [size, size]);
    const product = () => run(session, { a: ones, b: ones }, { product: into });
    await product();
    // The best of a few: what else the machine does is not its speed.
    let seconds = Number.POSITIVE_INFINITY;
    for (let k = 0; k < 8; k++) {
      const started = performance.now();
      await product();
      seconds = Math.min(seconds, (performance.now() - started) / 1000);
    }
    await session.release();
    if (into.data[0] !== size) throw new Error(`a matrix product is wrong: ${into.data[0]}, not ${size}`);
    const gflops = (2 * size ** 3) / seconds / 1e9;
    const cores = availableParallelism();
    const version = versions().onnxruntime!;
    return {
      name,
      state: "ok",
      text: `onnxruntime ${version}: ${gflops.toFixed(0)} GFLOP/s in float32 on ${cores} cores (${cpus()[0]?.model.trim() ?? "unknown"})`,
      values: { version, gflops, cores },
    };
  } catch (error) {
    return failed(name, error);
  }
}

/** A few steps of a tiny random student through the real engine: the loss must fall. */
async function checkTrainingStep(): Promise<Check> {
  const name = "training";
  const folder = await mkdtemp(join(tmpdir(), "skipthink-doctor-"));
  try {
    const config = newGpt2Config({
      vocabularySize: 256,
      contextLength: 64,
      width: 64,
      layers: 2,
      heads: 2,
      endOfText: 0,
    });
    const parsed = parseGpt2Config(config, "config.json");
    const weights = initializeGpt2(parsed, 1);
    const shapes = gpt2ParameterShapes(parsed);
    const tensors = [...shapes].map(([tensor, shape]) => ({
      name: tensor,
      shape,
      data: weights.get(tensor)!,
    }));
    await writeModelFolder(folder, { config, tensors });
    const student = await onnxEngine.open(folder);
    const batch = Array.from({ length: 8 }, (_, row) => ({
      prompt: [1 + row],
      context: [],
      target: Array.from({ length: 32 }, (_, i) => 1 + ((row + i) % 200)),
      weight: 1 / 8,
    }));
    const first = await student.train([batch], 1e-2);
    const started = performance.now();
    const last = [await student.train([batch], 1e-2), await student.train([batch], 1e-2)][1]!;
    const seconds = (performance.now() - started) / 2000;
    await student.close();
    if (!(last.loss < first.loss))
      throw new Error(`the loss does not fall: ${first.loss}, then ${last.loss}`);
    return {
      name,
      state: "ok",
      text: `a step of a tiny student takes ${formatSeconds(seconds)}, and its loss falls`,
      values: { secondsPerStep: seconds, lossBefore: first.loss, lossAfter: last.loss },
    };
  } catch (error) {
    return failed(name, error);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function checkBaseStudent(): Check {
  const isThere = ["config.json", "model.safetensors", "tokenizer.json"].every((file) =>
    existsSync(join(builtinBaseFolder, file)),
  );
  return {
    name: "base student",
    state: isThere ? "ok" : "missing",
    text: isThere ? builtinBaseFolder : `not in ${builtinBaseFolder}: install the package again`,
    values: { folder: builtinBaseFolder },
  };
}

function checkMemory(): Check {
  // A container's limit where there is one; without one the figure is astronomically large.
  const limit = process.constrainedMemory();
  const isLimited = limit > 0 && limit < totalmem();
  const total = isLimited ? limit : totalmem();
  const free = Math.min(freemem(), total);
  return {
    name: "memory",
    state: free < leastMemoryBytes ? "hint" : "ok",
    text: `${formatBytes(free)} free of ${formatBytes(total)}${isLimited ? " (the container's limit)" : ""}`,
    values: { freeBytes: free, totalBytes: total },
  };
}

async function checkDisk(): Promise<Check> {
  const { bavail, bsize } = await statfs(process.cwd());
  const free = bavail * bsize;
  return {
    name: "disk",
    state: free < leastDiskBytes ? "hint" : "ok",
    text: `${formatBytes(free)} free in the working folder`,
    values: { freeBytes: free },
  };
}

async function checkSharedMemory(): Promise<Check[]> {
  if (!existsSync("/dev/shm")) return [];
  const { blocks, bsize } = await statfs("/dev/shm");
  const total = blocks * bsize;
  const isLittle = total < littleSharedMemoryBytes;
  return [
    {
      name: "shared memory",
      state: isLittle ? "hint" : "ok",
      text: `${formatBytes(total)}${isLittle ? "; PyTorch workers want more: docker run --shm-size=1g, or --ipc=host" : ""}`,
      values: { totalBytes: total },
    },
  ];
}

/** Optional: without it everything runs on the embedded engine. */
async function checkTorchEngine(): Promise<Check> {
  const name = "torch engine";
  try {
    const { python, torch, transformers, gpus } = await checkTorch();
    const devices = gpus.length === 0 ? "no GPU" : `${gpus.length} × ${gpus[0]}`;
    return {
      name,
      state: "ok",
      text: `Python ${python}, torch ${torch}, transformers ${transformers}, ${devices}`,
      values: { installed: true, python, torch, transformers, gpus: gpus.length },
    };
  } catch (error) {
    if (!(error instanceof SkipthinkError)) throw error;
    return {
      name,
      state: "hint",
      text: `not ready, needed only for --engine torch: ${error.message}. ${error.remedy ?? ""}`,
      values: { installed: false, command: setupCommand },
    };
  }
}

function failed(name: string, error: unknown): Check {
  return { name, state: "missing", text: error instanceof Error ? error.message : String(error), values: {} };
}
