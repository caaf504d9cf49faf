// Adds up counts for the closing line of .ci/run: vitest's JSON report, and files of {"passed", "failed"}.
//
//   node scripts/count-tests.mjs <vitest.json> <vitest's exit status> [<counts file> …]
//
// A test file that does not load, a failure outside of any test and a missing file count as one failure each.
import { readFileSync } from "node:fs";

const [vitestFile, vitestStatus, ...countsFiles] = process.argv.slice(2);
const read = (file) => {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
};

let passed = 0;
let failed = 0;
const report = read(vitestFile);
if (report === undefined) failed += 1;
else {
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  failed += report.testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  ).length;
  if (failed === 0 && vitestStatus !== "0") failed += 1;
}
for (const file of countsFiles) {
  const counts = read(file);
  passed += counts?.passed ?? 0;
  failed += counts?.failed ?? 1;
}
console.log(`${passed} ${failed}`);
