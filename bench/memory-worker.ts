/** The training of bench/memory.ts. argv: model folder, shape, kind of items, threads. Prints one MeasuredMemory. */
import { onnxEngine } from "../src/engine/onnx/student.ts";
import { type MeasuredMemory, memorySteps } from "./memory.ts";
import { batchesOf, type ItemKind, shapes } from "./shapes.ts";

const [folder, shapeName, kind, threads] = process.argv.slice(2) as string[];
const shape = shapes.find(({ name }) => name === shapeName)!;
const student = await onnxEngine.open(folder!, { threads: Number(threads) });
for (const batch of batchesOf(shape, kind as ItemKind, memorySteps)) await student.train([batch], 1e-4);
const peak = (): number => process.resourceUsage().maxRSS * 1024;
const training = peak();
await student.generate([{ prompt: [1, 2, 3], context: [] }], { maxNewTokens: 3, stopTokens: [] });
const measured: MeasuredMemory = { training, generation: peak() };
console.log(JSON.stringify(measured));
await student.close();
