/** Escaping, clipping and numbers. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clipLabel, clipText, escapeHtml, scriptJson } from "../../src/report/html.ts";
import { compact, decimal, duration, factor, percent, points, pValue } from "../../src/report/numbers.ts";
import { methodLooks } from "../../src/report/palette.ts";
import { answerPlace } from "../../src/report/sections/browsers.ts";
import { sampleData } from "./sample-data.ts";

describe("escaping", () => {
  it("leaves no character that could open markup or end an attribute", () => {
    expect(escapeHtml(`<a b="c" d='e'>&`)).toBe("&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;");
    const unit = fc.constantFrom(
      "<",
      ">",
      '"',
      "'",
      "&",
      ";",
      "\r",
      "\n",
      "\u0000",
      "\u202e",
      "a",
      "é",
      "😀",
    );
    fc.assert(
      fc.property(fc.array(unit), (characters) => {
        const escaped = escapeHtml(characters.join(""));
        for (const bad of ["<", ">", '"', "'", "\r", "\u0000", "\u202e"]) expect(escaped).not.toContain(bad);
      }),
    );
  });

  it("makes control and direction-override characters visible", () => {
    expect(escapeHtml("a\u0000b\u202ec\td\r\ne")).toBe("a\ufffdb\ufffdc\td\ne");
  });

  it("gives JSON that reads back the same and cannot end a script", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json = scriptJson(value);
        expect(json).not.toMatch(/[<>&\u2028\u2029]/);
        expect(JSON.stringify(JSON.parse(json))).toBe(JSON.stringify(value));
      }),
    );
    expect(scriptJson("</script>\u2028")).toBe('"\\u003c/script\\u003e\\u2028"');
  });
});

describe("clipping", () => {
  it("keeps start and end of a long text and whole characters", () => {
    const clipped = clipText(`${"a".repeat(500)}answer`, 100);
    expect(clipped).toBe(`${"a".repeat(70)} [… 406 characters cut …] ${"a".repeat(24)}answer`);
    expect(clipText("short", 100)).toBe("short");
    for (let most = 10; most < 16; most++) {
      expect(clipText("😀".repeat(50), most)).not.toMatch(/\p{Surrogate}/u);
      expect(clipLabel("😀".repeat(50), most)).not.toMatch(/\p{Surrogate}/u);
    }
    expect(clipLabel("abcdef", 4)).toBe("abc…");
  });
});

describe("numbers", () => {
  it("read well", () => {
    expect(decimal(1234567.891, 1)).toBe("1,234,567.9");
    expect(decimal(-0.04, 1)).toBe("0.0");
    expect(decimal(-1234)).toBe("−1,234");
    expect(percent(0.6234)).toBe("62.3%");
    expect([points(0.082), points(-0.01), points(0.0002)]).toEqual(["+8.2", "−1.0", "0.0"]);
    expect([
      compact(4_213_760),
      compact(2_000_000),
      compact(2_000_000, true),
      compact(999_960),
      compact(870),
    ]).toEqual(["4.2M", "2M", "2.0M", "1M", "870"]);
    expect([0.0067, 0.142, 0.9999, 1.418, 12.34, 744, 11_160].map((s) => duration(s))).toEqual([
      "6.7 ms",
      "142 ms",
      "1.00 s",
      "1.42 s",
      "12.3 s",
      "12.4 min",
      "3.1 h",
    ]);
    expect([factor(1.851), factor(14.52)]).toEqual(["×1.85", "×14.5"]);
    expect([pValue(0.0004), pValue(0.818)]).toEqual(["< 0.001", "0.818"]);
    for (const write of [decimal, percent, points, compact, duration, factor, pValue]) {
      expect([write(Number.NaN), write(null), write(undefined)]).toEqual(["–", "–", "–"]);
    }
  });
});

describe("answers in outputs", () => {
  it("are marked after the marker, else at their last place", () => {
    expect(answerPlace("5 + 5 = 10 --> 10 and 10", "10")).toEqual([15, 17]);
    expect(answerPlace("2 --> 1 --> 12", "1")).toEqual([6, 7]);
    expect(answerPlace("10 or rather 10", "10")).toEqual([13, 15]);
    expect(answerPlace("1,000 --> none", "1000")).toEqual([-1, -1]);
    expect(answerPlace("anything", "")).toEqual([-1, -1]);
  });
});

describe("method looks", () => {
  it("keep a known method's colour whatever else is there, and never repeat a pair of colour and shape", () => {
    const data = sampleData();
    const alone = {
      ...data,
      comparisons: [],
      lossCurves: [],
      problems: [],
      methods: { stt: data.methods.stt! },
    };
    expect(methodLooks(alone)[0]).toEqual(methodLooks(data).find((look) => look.name === "stt"));
    const extra = Array.from({ length: 8 }, (_, i) => [`mine-${i}`, data.methods.full!]);
    const looks = methodLooks({ ...data, methods: { ...data.methods, ...Object.fromEntries(extra) } });
    expect(new Set(looks.map((look) => look.colour + look.marker)).size).toBe(looks.length);
  });
});
