import { describe, expect, it, vi } from "vitest";
import { averageBoundaries } from "../../src/method/chunk/boundaries.ts";
import { type EncodedRationale, encodeRationale } from "../../src/method/items/encode.ts";
import { findMarkers, markerTokens } from "../../src/method/items/markers.ts";
import { forcedJudge, generateJudge, type Judge } from "../../src/method/probe/judge.ts";
import { type ProbeOptions, probeRationales } from "../../src/method/probe/probe.ts";
import { randomSkips } from "../../src/method/probe/random-skips.ts";
import { type AnswerProbe, answerProbe } from "../../src/method/probe/sequences.ts";
import { skipTruth } from "../../src/method/probe/skip-truth.ts";
import type { ProbedRationale } from "../../src/method/probe/types.ts";
import type { StepRole } from "../../src/tasks/problem.ts";
import { RandomStream } from "../../src/util/random.ts";
import { FakeStudent, type Rule } from "./fake-student.ts";
import { FakeTokenizer } from "./fake-tokenizer.ts";

const defaultProbeOptions: ProbeOptions = {
  decision: "cumulative",
  onWrong: "keep",
  answerChunk: "hidden",
  criterion: "answer",
  maxNllRise: 0.1,
};

/** Rationales of one-word steps a b c d e, the answer-stating step last; every step is a chunk. */
function world(answers: string[], steps = ["a ", "b ", "c ", "d ", "so"]) {
  const tokenizer = new FakeTokenizer().withAddedTokens(markerTokens(steps.length));
  const encoded = answers.map((answer, i) =>
    encodeRationale(tokenizer, { id: `r${i}`, question: `question ${i}`, answer, steps }),
  );
  const token = (text: string) => tokenizer.encode(text)[0]!;
  return {
    tokenizer,
    encoded,
    token,
    markers: findMarkers(tokenizer, steps.length),
    boundaries: new Map(encoded.map((r) => [r.rationaleId, averageBoundaries(r.steps.length, steps.length)])),
    /** After the arrow, `answer` follows if all words were seen; after the answer, the end. */
    rule: (answer: string, needs: string[]): Rule[] => [
      { after: token(" -->"), needs: needs.map((word) => token(` ${word}`)), next: token(` ${answer}`) },
      { after: token(` ${answer}`), needs: [], next: 0 },
    ],
  };
}

/** Probes with the forced verdict; the student follows the rules given. */
async function probe(
  w: ReturnType<typeof world>,
  rules: Rule[],
  options: Partial<ProbeOptions> = {},
): Promise<ProbedRationale[]> {
  const student = new FakeStudent({ seed: 1, vocabularySize: w.tokenizer.vocabularySize, rules });
  const all = { ...defaultProbeOptions, ...options };
  return probeRationales(student, w.encoded, w.boundaries, w.markers, forcedJudge(student), all);
}

describe("verdicts", () => {
  it("forced and generate agree on exactness over many probes, right and wrong", async () => {
    const tokenizer = new FakeTokenizer().withAddedTokens(markerTokens(4));
    const markers = findMarkers(tokenizer, 4);
    const random = new RandomStream(5, "test/verdicts");
    const words = Array.from({ length: 20 }, (_, i) => `w${i}`);
    const encoded = Array.from({ length: 300 }, (_, i) =>
      encodeRationale(tokenizer, {
        id: `r${i}`,
        question: random.pick(words),
        answer: random.shuffle(["x", "y", "z"]).slice(0, random.between(1, 3)).join(" "),
        steps: random
          .shuffle(words)
          .slice(0, random.between(2, 5))
          .map((word) => `${word} `),
      }),
    );
    const id = (text: string) => tokenizer.encode(text)[0]!;
    // Soft preferences along the answer path; whether gold is reached depends on the words in view.
    const rules = [" -->", " x", " y", " z"].flatMap((after) =>
      [" x", " y", " z", "<eos>"].map((next, i) => ({
        after: id(after),
        needs: [id(` ${words[(i * 7 + after.length) % 20]}`)],
        next: next === "<eos>" ? 0 : id(next),
      })),
    );
    const student = new FakeStudent({ seed: 11, vocabularySize: tokenizer.vocabularySize, rules });
    const probes = encoded.flatMap((rationale) =>
      (["hidden", "shown"] as const).map((answerChunk) =>
        answerProbe(rationale, markers, rationale.steps, answerChunk),
      ),
    );
    // Half of the probes ask for what the student does write, where it comes to an end: both verdicts must occur.
    const written = await student.generate(probes, { maxNewTokens: 4, stopTokens: [0] });
    const mixed: AnswerProbe[] = probes.map((probe, i) =>
      i % 2 === 1 && written[i]!.stopped ? { ...probe, target: written[i]!.tokens } : probe,
    );
    expect(mixed.length).toBeGreaterThanOrEqual(500);
    const forced = await forcedJudge(student)(mixed);
    const judge = generateJudge(student, { tokenizer, maxNewTokens: 1, isRight: () => true });
    const generated = await judge(mixed);
    expect(generated.map(({ exact }) => exact)).toEqual(forced.map(({ exact }) => exact));
    const right = forced.filter(({ exact }) => exact).length;
    expect(right).toBeGreaterThan(50);
    expect(mixed.length - right).toBeGreaterThan(50);
  });

  it("generate reads the student's text, forced wants the gold tokens", async () => {
    const w = world(["18"]);
    const rules = w.rule("18.0", ["a"]);
    const student = new FakeStudent({ seed: 1, vocabularySize: w.tokenizer.vocabularySize, rules });
    const judge = generateJudge(student, {
      tokenizer: w.tokenizer,
      maxNewTokens: 5,
      isRight: (rationaleId, text) => rationaleId === "r0" && Number(text) === 18,
    });
    const probes = [answerProbe(w.encoded[0]!, w.markers, w.encoded[0]!.steps, "hidden")];
    expect(await judge(probes)).toEqual([{ answerRight: true, exact: false, studentAnswer: "18.0" }]);
    expect(await forcedJudge(student)(probes)).toEqual([{ answerRight: false, exact: false }]);
    const [probed] = await probeRationales(
      student,
      w.encoded,
      w.boundaries,
      w.markers,
      judge,
      defaultProbeOptions,
    );
    expect(probed).toMatchObject({ wholeRight: true, wholeAnswer: "18.0", keptSteps: [0, 4] });
    expect(probed!.chunks[1]!.trial).toEqual({ answerRight: true, studentAnswer: "18.0" });
  });
});

describe("probeRationales", () => {
  it("skips the chunks the answer does not need and keeps the last", async () => {
    const w = world(["18"]);
    const [probed] = await probe(w, w.rule("18", ["b", "d"]));
    expect(probed).toEqual({
      rationaleId: "r0",
      wholeRight: true,
      dropped: false,
      chunks: [
        {
          from: 0,
          to: 1,
          candidate: true,
          skipped: true,
          reason: "answerStaysRight",
          trial: { answerRight: true },
        },
        {
          from: 1,
          to: 2,
          candidate: true,
          skipped: false,
          reason: "answerTurnsWrong",
          trial: { answerRight: false },
        },
        {
          from: 2,
          to: 3,
          candidate: true,
          skipped: true,
          reason: "answerStaysRight",
          trial: { answerRight: true },
        },
        {
          from: 3,
          to: 4,
          candidate: true,
          skipped: false,
          reason: "answerTurnsWrong",
          trial: { answerRight: false },
        },
        { from: 4, to: 5, candidate: false, skipped: false, reason: "statesAnswer" },
      ],
      keptSteps: [1, 3, 4],
    });
    expect(JSON.parse(JSON.stringify(probed))).toEqual(probed);
  });

  it("cumulative keeps one of two chunks that stand in for each other; independent drops both", async () => {
    const w = world(["18"]);
    const rules = [...w.rule("18", ["a"]), ...w.rule("18", ["c"])];
    const [cumulative] = await probe(w, rules);
    expect(cumulative!.keptSteps).toEqual([2, 4]);
    const [independent] = await probe(w, rules, { decision: "independent" });
    expect(independent!.keptSteps).toEqual([4]);
  });

  it("cumulative: the answer is right for the final kept set of every rationale", async () => {
    const answers = Array.from({ length: 40 }, (_, i) => `n${i}`);
    const w = world(answers);
    const random = new RandomStream(2, "test/cumulative");
    const rules = answers.flatMap((answer) =>
      w.rule(
        answer,
        ["a", "b", "c", "d"].filter(() => random.next() < 0.5),
      ),
    );
    // The question decides which answer follows, so that 40 rules do not compete.
    rules.forEach((rule, i) => {
      const question = w.encoded[Math.floor(i / 2)]!.question[1]!;
      if (rule.next !== 0) rules[i] = { ...rule, needs: [...rule.needs, question] };
    });
    const student = new FakeStudent({ seed: 1, vocabularySize: w.tokenizer.vocabularySize, rules });
    const judge = forcedJudge(student);
    const probed = await probeRationales(
      student,
      w.encoded,
      w.boundaries,
      w.markers,
      judge,
      defaultProbeOptions,
    );
    const kept = (rationale: EncodedRationale, i: number) =>
      probed[i]!.keptSteps.map((s) => rationale.steps[s]!);
    const verdicts = await judge(w.encoded.map((r, i) => answerProbe(r, w.markers, kept(r, i), "hidden")));
    expect(verdicts.every(({ answerRight }) => answerRight)).toBe(true);
    expect(probed.every(({ wholeRight }) => wholeRight)).toBe(true);
    expect(new Set(probed.map(({ keptSteps }) => keptSteps.length)).size).toBeGreaterThan(2);
  });

  it("keeps or drops a rationale that is wrong when whole, without trying removals", async () => {
    const w = world(["18"]);
    const [kept] = await probe(w, w.rule("17", []));
    expect(kept).toMatchObject({ wholeRight: false, dropped: false, keptSteps: [0, 1, 2, 3, 4] });
    expect(kept!.chunks.map(({ reason, trial }) => [reason, trial])).toEqual([
      ...Array.from({ length: 4 }, () => ["wrongWhenWhole", undefined]),
      ["statesAnswer", undefined],
    ]);
    const [dropped] = await probe(w, w.rule("17", []), { onWrong: "drop" });
    expect(dropped).toMatchObject({ wholeRight: false, dropped: true });
  });

  it("hides or shows the chunk that states the answer", async () => {
    const w = world(["18"]);
    // The student needs to see "so": only the shown form can be right, and then everything else looks harmless.
    const [hidden] = await probe(w, w.rule("18", ["so"]));
    expect(hidden!.wholeRight).toBe(false);
    const [shown] = await probe(w, w.rule("18", ["so"]), { answerChunk: "shown" });
    expect(shown).toMatchObject({ wholeRight: true, keptSteps: [4] });
  });

  it("continuation keeps what the student needs to write the rest, and compares with the removals so far", async () => {
    const w = world(["18"]);
    const follows = (after: string, needs: string[], next: string): Rule => ({
      after: w.token(after),
      needs: needs.map((word) => w.token(` ${word}`)),
      next: w.token(` ${next}`),
    });
    // The answer needs nothing. The student expects "d" after "c" if it saw "a", and "so" after "d".
    const rules = [...w.rule("18", []), follows(" c", ["a"], "d"), follows(" d", [], "so")];
    const [answer] = await probe(w, rules);
    expect(answer!.keptSteps).toEqual([4]);
    const options = { criterion: "continuation", maxNllRise: 2 } as const;
    const [continuation] = await probe(w, rules, options);
    const [a, b, c, d] = continuation!.chunks;
    // One of about twenty tokens is no longer expected: a rise of about ln 20 = 3 nats.
    for (const needed of [a, c, d]) {
      expect(needed).toMatchObject({
        skipped: false,
        reason: "laterChunkHarder",
        trial: { answerRight: true },
      });
      expect(needed!.trial!.nllRise).toBeGreaterThan(2);
    }
    expect(b).toMatchObject({ skipped: true, reason: "answerStaysRight" });
    expect(b!.trial!.nllRise).toBeLessThan(1);
    expect(continuation!.chunks.every(({ nll }) => nll! > -1e-6)).toBe(true);

    // With no limit to the rise "a" goes, and "d" is unexpected from then on: removing "c" no longer makes it worse.
    const [all] = await probe(w, rules, { ...options, maxNllRise: 1e9 });
    expect(all!.keptSteps).toEqual([4]);
    expect(all!.chunks[2]!.trial!.nllRise).toBeLessThan(1);
    // Each removal on its own is compared with the whole: there removing "c" does.
    const [alone] = await probe(w, rules, { ...options, decision: "independent" });
    expect(alone!.chunks[2]!.trial!.nllRise).toBeGreaterThan(2);
  });

  it("tries all removals of a round in one batch", async () => {
    const w = world(["18", "18", "18"]);
    const rules = w.rule("18", ["b"]);
    const student = new FakeStudent({ seed: 1, vocabularySize: w.tokenizer.vocabularySize, rules });
    for (const [decision, sizes] of [
      ["independent", [3, 12]],
      ["cumulative", [3, 3, 3, 3, 3]],
    ] as const) {
      const asked: number[] = [];
      const judge: Judge = (probes) => {
        asked.push(probes.length);
        return forcedJudge(student)(probes);
      };
      const options = { ...defaultProbeOptions, decision };
      await probeRationales(student, w.encoded, w.boundaries, w.markers, judge, options);
      expect(asked).toEqual(sizes);
    }
  });

  it("reads the answer and the losses from one pass where the answer's chunk is shown", async () => {
    const w = world(["18", "7", "18"]);
    const student = new FakeStudent({
      seed: 1,
      vocabularySize: w.tokenizer.vocabularySize,
      rules: w.rule("18", ["b"]),
    });
    const options: ProbeOptions = {
      ...defaultProbeOptions,
      criterion: "continuation",
      answerChunk: "shown",
      maxNllRise: 1,
    };
    const probeWith = async (judge: Judge) => {
      const score = vi.spyOn(student, "score");
      const probed = await probeRationales(student, w.encoded, w.boundaries, w.markers, judge, options);
      const passes = score.mock.calls.length;
      score.mockRestore();
      return { probed, passes };
    };
    const forced = forcedJudge(student);
    const together = await probeWith(forced);
    const apart = await probeWith((probes) => forced(probes));
    expect(together.probed).toEqual(apart.probed);
    expect(together.probed.map(({ wholeRight }) => wholeRight)).toEqual([true, false, true]);
    expect(apart.passes).toBe(2 * together.passes);
  });

  it("refuses rationales without a fitting chunking", async () => {
    const w = world(["18"]);
    w.boundaries.set("r0", [0, 2]);
    await expect(probe(w, [])).rejects.toMatchObject({ place: { key: "r0" } });
    await expect(probe(w, [], { maxNllRise: -1 })).rejects.toThrow(/maxNllRise is -1/);
  });
});

describe("randomSkips", () => {
  it("drops as many medium chunks, never the last, the same for the same seed", async () => {
    const w = world(Array.from({ length: 20 }, () => "18"));
    const probed = await probe(w, w.rule("18", ["b", "d"]));
    const drawn = probed.map((one) => randomSkips(one, 4));
    drawn.forEach((one, i) => {
      expect(one.chunks.filter(({ skipped }) => skipped)).toHaveLength(2);
      expect(one.chunks.at(-1)).toEqual(probed[i]!.chunks.at(-1));
      expect(one.keptSteps).toHaveLength(3);
      expect(one.chunks.every(({ trial }) => trial === undefined)).toBe(true);
    });
    expect(drawn).toEqual(probed.map((one) => randomSkips(one, 4)));
    // Over 20 rationales every medium chunk is hit, also those that probing kept.
    const hit = new Set(drawn.flatMap(({ chunks }) => chunks.flatMap((c, k) => (c.skipped ? [k] : []))));
    expect([...hit].sort()).toEqual([0, 1, 2, 3]);
  });
});

describe("skipTruth", () => {
  const roles: StepRole[] = ["restatement", "reasoning", "transition", "reasoning", "check", "answer"];
  it("counts precision and recall by steps", () => {
    // Skipped: restatement, reasoning, check.
    expect(skipTruth([{ roles, keptSteps: [2, 3, 5] }])).toEqual({
      steps: 6,
      skipped: 3,
      precision: 2 / 3,
      recall: 2 / 3,
      byRole: [
        { role: "restatement", steps: 1, skipped: 1 },
        { role: "reasoning", steps: 2, skipped: 1 },
        { role: "transition", steps: 1, skipped: 0 },
        { role: "check", steps: 1, skipped: 1 },
        { role: "answer", steps: 1, skipped: 0 },
      ],
    });
  });
  it("leaves out what is undefined", () => {
    expect(skipTruth([{ roles: ["reasoning", "answer"], keptSteps: [0, 1] }])).toEqual({
      steps: 2,
      skipped: 0,
      byRole: [
        { role: "reasoning", steps: 1, skipped: 0 },
        { role: "answer", steps: 1, skipped: 0 },
      ],
    });
  });
});
