import { describe, expect, it } from "vitest";
import { type Probe, probeKinds, singleStepProbes } from "../../src/tasks/corpus/index.ts";
import { RandomStream } from "../../src/util/random.ts";

/** The answer by a rule that reads the prompt alone. */
const solve: Record<string, (prompt: string) => string> = {
  swap(prompt) {
    const [question, said] = prompt.split(" ### ") as [string, string];
    const held = new Map(
      [...question.matchAll(/(\w+) has the (\w+ \w+)/g)].map((match) => [match[1]!, match[2]!]),
    );
    const [, one, two] = /(\w+) and (\w+) swap\./.exec(question)!;
    const who = /(\w+) has the$/.exec(said)![1]!;
    return ` ${held.get(who === one ? two! : who === two ? one! : who)}`;
  },
  recall(prompt) {
    const who = /Where is (\w+)\?/.exec(prompt)![1];
    return ` ${new RegExp(`${who} is in the (\\w+)\\.`).exec(prompt)![1]}`;
  },
  choice(prompt) {
    const option = /Which choice is the (\w+ \w+)\?/.exec(prompt)![1];
    return ` ${new RegExp(`(\\([A-F]\\)) ${option}`).exec(prompt)![1]}.`;
  },
  copy(prompt) {
    const [first, second] = prompt.split("\n") as [string, string];
    expect(first.startsWith(`${second} `)).toBe(true);
    return ` ${first
      .slice(second.length + 1)
      .split(" ")
      .slice(0, 2)
      .join(" ")}`;
  },
  latest(prompt) {
    const who = /Where is (\w+)\?/.exec(prompt)![1];
    return ` ${[...prompt.matchAll(new RegExp(`${who} went to the (\\w+)\\.`, "g"))].at(-1)![1]}.`;
  },
  lastLetter: (prompt) => ` "${/(\w)" is$/.exec(prompt)![1]}".`,
  join: (prompt) => ` "${prompt.replace(/[^a-z]/g, "")}"`,
  coin(prompt) {
    const start = /(heads|tails)/.exec(prompt)![1];
    if (prompt.includes("does not")) return ` ${start} up.`;
    return start === "heads" ? " tails up." : " heads up.";
  },
  date(prompt) {
    const [month, day, year] = /(\d+)\/(\d+)\/(\d+)/.exec(prompt)!.slice(1).map(Number) as [
      number,
      number,
      number,
    ];
    const noon = new Date(year, month - 1, day, 12);
    noon.setDate(noon.getDate() + (prompt.includes("Tomorrow") ? 1 : -1));
    const two = (value: number): string => String(value).padStart(2, "0");
    return ` ${two(noon.getMonth() + 1)}/${two(noon.getDate())}/${noon.getFullYear()}.`;
  },
  add: (prompt) => compute(prompt),
  subtract: (prompt) => compute(prompt),
  multiply: (prompt) => compute(prompt),
};

function compute(prompt: string): string {
  const [, a, operator, b] = /(\d+) ([-+*]) (\d+) =$/.exec(prompt)!;
  const [left, right] = [Number(a), Number(b)];
  return ` ${operator === "+" ? left + right : operator === "-" ? left - right : left * right}.`;
}

describe("singleStepProbes", () => {
  const probes = singleStepProbes(new RandomStream(17, "test/probes"), 2400);

  it("asks every kind equally often, and the same for the same stream", () => {
    expect(probes).toHaveLength(2400);
    for (const kind of probeKinds)
      expect(probes.filter((probe: Probe) => probe.kind === kind)).toHaveLength(2400 / probeKinds.length);
    expect(singleStepProbes(new RandomStream(17, "test/probes"), 50)).toEqual(probes.slice(0, 50));
  });

  it("has the right answer to each prompt", () => {
    for (const { kind, prompt, answer } of probes)
      expect([prompt, answer]).toEqual([prompt, solve[kind]!(prompt)]);
  });
});
