/**
 * Benchmarks: `npm run bench -- train-step`, `… generation`, `… probe`, `… profile`, `… memory`, `… search`, `… decode`, `… cost`, `… inspect`; docs/performance.md has results. PyTorch's side runs under the Python named by SKIPTHINK_PYTHON (default python3).
 */
import { parseArgs } from "node:util";
import { benchCost } from "./cost.ts";
import { benchDecode } from "./decode.ts";
import { benchGeneration } from "./generation.ts";
import { benchInspect } from "./inspect.ts";
import { benchMemory } from "./memory.ts";
import { benchProbe } from "./probe.ts";
import { benchProfile } from "./profile.ts";
import { benchSearch } from "./search.ts";
import { itemKinds, shapes } from "./shapes.ts";
import { benchTrainStep } from "./train-step.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    shapes: { type: "string", default: shapes.map(({ name }) => name).join() },
    kinds: { type: "string", default: itemKinds.join() },
    rounds: { type: "string", default: "7" },
    stepsPerTurn: { type: "string", default: "2" },
    threads: { type: "string", default: "0" },
    rationales: { type: "string" },
    sample: { type: "string", default: "25" },
    out: { type: "string", default: "docs/img/step-cost.svg" },
    trainingSteps: { type: "string", default: "40" },
    "no-pytorch": { type: "boolean", default: false },
  },
});
const options = {
  shapes: values.shapes.split(","),
  kinds: values.kinds.split(","),
  rounds: Number(values.rounds),
  stepsPerTurn: Number(values.stepsPerTurn),
  threads: Number(values.threads),
  pytorch: !values["no-pytorch"],
};
const benches: Record<string, () => Promise<void>> = {
  "train-step": () => benchTrainStep(options),
  generation: () => benchGeneration(options),
  profile: () => benchProfile(options),
  cost: () => benchCost({ ...options, out: values.out }),
  decode: () => benchDecode(options),
  search: () =>
    benchSearch({
      ...options,
      rationales: Number(values.rationales ?? 500),
      sample: Number(values.sample),
      trainingSteps: Number(values.trainingSteps),
    }),
  inspect: () => benchInspect({ ...options, rationales: Number(values.rationales ?? 200) }),
  memory: () => benchMemory(options),
  probe: () =>
    benchProbe({
      ...options,
      rationales: Number(values.rationales ?? 64),
      trainingSteps: Number(values.trainingSteps),
    }),
};
try {
  for (const name of positionals.length > 0 ? positionals : ["train-step"]) {
    const bench = benches[name];
    if (bench === undefined)
      throw new Error(`no benchmark "${name}"; there are ${Object.keys(benches).join(", ")}`);
    await bench();
  }
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
