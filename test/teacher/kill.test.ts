import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canonicalJson } from "../../src/teacher/request.ts";
import { readJournal } from "../../src/teacher/store.ts";
import { RandomStream } from "../../src/util/random.ts";
import { bodyHash, startScripted } from "./scripted-endpoint.ts";
import { outputsOf, settings, temporaryFolder, writeQuestions } from "./setting.ts";
import { buildTeach, runTeach } from "./teach-process.ts";

const minutes = 60_000;
const concurrency = 16;
const samples = 3;

/** The full size, some minutes of mostly waiting, is asked in CI and with SKIPTHINK_SLOW=1. */
const full = process.env.CI !== undefined || process.env.SKIPTHINK_SLOW === "1";
const sizes = full
  ? [{ questions: 1000, kills: 5, faultShare: 0.25 }]
  : [{ questions: 100, kills: 3, faultShare: 0.2 }];

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  await buildTeach();
}, 3 * minutes);
afterAll(() => rm(folder, { recursive: true }));

describe("a run that is killed", () => {
  it.each(sizes)(
    "$kills times at random, of $questions questions, goes on without a paid call twice, to the same bytes",
    async ({ questions, kills, faultShare }) => {
      const file = await writeQuestions(folder, questions);
      const run = async (name: string, url: string) => {
        const config = join(folder, `${name}-${questions}.json`);
        const limits = { concurrency, timeoutSeconds: 5 };
        await writeFile(config, JSON.stringify(settings(file, url, { limits, sampling: { samples } })));
        return { config, out: join(folder, `${name}-${questions}`) };
      };
      const calm = await startScripted({ delay: 0 });
      const stormy = await startScripted({ faultShare, delay: 20 });
      try {
        const whole = await run("whole", calm.url);
        expect(await runTeach(whole.config, whole.out)).toMatchObject({ code: 0 });

        const { config, out } = await run("killed", stormy.url);
        const random = new RandomStream(11, "kills");
        const total = questions * samples;
        /** Hashes of request bodies, as the endpoint counts them. */
        const storedBodies = async (): Promise<Set<string>> => {
          const { lines } = await readJournal(join(out, "answers.jsonl"));
          return new Set(
            lines.flatMap((line) =>
              line.kind === "answer" ? [bodyHash(canonicalJson(line.request.body))] : [],
            ),
          );
        };
        for (let kill = 1; kill <= kills; kill++) {
          const stored = await storedBodies();
          const askedBefore = stormy.asked.length;
          // Somewhere in the next share of the work.
          const at = Math.floor((total * (kill - 1 + random.next())) / (kills + 1)) + 1;
          const { signal, stderr } = await runTeach(config, out, () => stormy.answered.size >= at);
          expect(signal, stderr).toBe("SIGKILL");
          for (const hash of stormy.asked.slice(askedBefore)) expect(stored.has(hash)).toBe(false);
          // As if the kill had come in the middle of a write.
          await appendFile(join(out, "answers.jsonl"), '{"kind":"answer","key":"00');
        }
        const stored = await storedBodies();
        expect(stored.size).toBeGreaterThan(total / (2 * kills));
        const askedBefore = stormy.asked.length;
        expect(await runTeach(config, out)).toMatchObject({ code: 0 });
        for (const hash of stormy.asked.slice(askedBefore)) expect(stored.has(hash)).toBe(false);

        expect(await outputsOf(out)).toEqual(await outputsOf(whole.out));
        expect(stormy.answered.size).toBe(total);
        // Only what was on its way to the disk when a kill came is asked once more.
        const twice = [...stormy.answered.values()].reduce((sum, count) => sum + count - 1, 0);
        expect(twice).toBeLessThanOrEqual(kills * concurrency);
        const statistics = JSON.parse(await readFile(join(out, "statistics.json"), "utf8"));
        expect(statistics.tasks[0]).toMatchObject({ wanted: total, missing: 0 });
      } finally {
        await calm.close();
        await stormy.close();
      }
    },
    30 * minutes,
  );
});
