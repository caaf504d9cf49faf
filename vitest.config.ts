import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that start processes and wait for them: begun last, one of them would run on alone beside an idle worker. */
const slow = /\/(cli|teacher)\/kill\.test|\/cli\/(experiment|distill)\.test|\/tasks-read\/table\.test/;

class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSlow = ({ moduleId }: TestSpecification): boolean => slow.test(moduleId);
    return [...sorted.filter(isSlow), ...sorted.filter((file) => !isSlow(file))];
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/setup.ts"],
    testTimeout: 60_000,
    maxWorkers: 2,
    minWorkers: 1,
    // One process per worker, not per file: starting them and loading the same modules anew was a quarter of the time. What a test
    // replaces is put back after it, as files share what they import.
    isolate: false,
    restoreMocks: true,
    unstubEnvs: true,
    sequence: { sequencer: SlowFirst },
  },
});
