// Imports only point down the list of layers (docs/architecture.md), and ONNX Runtime is loaded by the one file that turns its
// telemetry off first; exits 1 and names each import that does otherwise.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const layers = [
  "cli",
  "serve",
  "experiment",
  "analysis",
  "pipeline",
  "report",
  "evaluate",
  "teacher",
  "method",
  "rationale",
  "tasks",
  "engine",
  "students",
  "graph",
  "tensor",
  "util",
];
const runtime = "engine/onnx/runtime.ts";
const root = resolve(import.meta.dirname, "../src");
const problems = [];
for (const file of readdirSync(root, { recursive: true })) {
  if (!/\.tsx?$/.test(file)) continue;
  const from = file.includes("/") ? file.split("/")[0] : "cli";
  if (!layers.includes(from)) problems.push(`src/${file}: folder "${from}" is not in the list of layers`);
  const text = readFileSync(join(root, file), "utf8");
  if (file !== runtime && /(?:from|import)\s*\(?\s*"onnxruntime-node"/.test(text))
    problems.push(`src/${file}: imports onnxruntime-node past src/${runtime}`);
  for (const match of text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
    const target = relative(root, resolve(dirname(join(root, file)), match[1]));
    const to = target.includes("/") ? target.split("/")[0] : "cli";
    if (layers.indexOf(to) < layers.indexOf(from))
      problems.push(`src/${file}: "${from}" must not import from "${to}" (${match[1]})`);
  }
}
for (const problem of problems) console.error(problem);
console.error(problems.length === 0 ? "imports are right" : `imports: ${problems.length} wrong`);
process.exit(problems.length === 0 ? 0 : 1);
