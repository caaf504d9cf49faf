// Checks what `skipthink demo --json` prints against its contract for scripts:
//
//   node scripts/check-demo-json.mjs <file>
import { readFileSync } from "node:fs";

const file = process.argv[2];
if (file === undefined) {
  console.error("usage: node scripts/check-demo-json.mjs <file>");
  process.exit(2);
}

const methods = ["full", "cwt-ac", "cwt-sbc", "stt"];
const isShare = (value) => typeof value === "number" && value >= 0 && value <= 1;
const isPositive = (value) => typeof value === "number" && Number.isFinite(value) && value > 0;
const isCount = (value) => Number.isInteger(value) && value > 0;
const figures = {
  accuracy: isShare,
  accuracyStandardError: isShare,
  problems: isCount,
  meanGeneratedTokens: isPositive,
  secondsPerProblem: isPositive,
  optimizerSteps: isCount,
  trainedTokens: isCount,
  trainingSeconds: isPositive,
};

let passed = 0;
let failed = 0;
function check(name, value, holds) {
  if (holds(value)) passed += 1;
  else {
    failed += 1;
    console.error(`FAIL ${name}: ${JSON.stringify(value)}`);
  }
}

let result;
try {
  // One JSON document and nothing else.
  result = JSON.parse(readFileSync(file, "utf8"));
} catch (error) {
  console.error(`FAIL ${file} is not JSON: ${error.message}`);
  process.exit(1);
}
check("an object", result, (value) => typeof value === "object" && value !== null && !Array.isArray(value));
check("run", result?.run, (value) => typeof value === "string" && value !== "");
check("task", result?.task, (value) => typeof value === "string" && value !== "");
for (const method of methods) {
  for (const [figure, holds] of Object.entries(figures)) {
    check(`methods.${method}.${figure}`, result?.methods?.[method]?.[figure], holds);
  }
}
const skips = result?.skips;
check("skips.share", skips?.share, isShare);
// Of no skip at all nobody can say how many were right.
check(
  "skips.precision",
  skips?.precision,
  (value) => isShare(value) || (skips?.share === 0 && value === undefined),
);
check("skips.recall", skips?.recall, isShare);

console.error(`demo JSON: ${passed} values as promised, ${failed} not`);
process.exit(failed === 0 ? 0 : 1);
