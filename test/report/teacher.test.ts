/** The teacher's part of a report, and its own page. */
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { renderReport } from "../../src/report/render.ts";
import { pageScript } from "../../src/report/script.ts";
import { pageSamples } from "../../src/report/sections/teacher.ts";
import { renderTeacherPage } from "../../src/report/teacher-page.ts";
import type { TeacherRecord } from "../../src/teacher/record.ts";
import { type FakeElement, fakeBrowser, fakeDocument } from "./fake-dom.ts";
import { hostileData, hostileText } from "./hostile.ts";
import { sampleData } from "./sample-data.ts";

function record(): TeacherRecord {
  const dropped = { truncated: 2, empty: 0, tooLong: 0, unreadable: 0, wrong: 7, duplicate: 1 };
  const counts = { questions: 20, wanted: 60, missing: 3, kept: 47, dropped, covered: 19, meanWords: 31.5 };
  const common = { question: "What is 2 + 2?", answer: "4", sample: 1 };
  return {
    model: "qwen3:8b",
    tasks: [
      { task: "gsm8k", ...counts },
      { task: "svamp", ...counts, wanted: 57, missing: 0 },
    ],
    samples: [
      { task: "gsm8k", id: "q1", ...common, predicted: "4", text: "2 + 2 = 4." },
      { task: "gsm8k", id: "q2", ...common, predicted: "5", reason: "wrong", text: "2 + 2 = 5.\nAnswer: 5" },
      { task: "svamp", id: "q3", ...common, reason: "truncated", text: "2 + 2" },
    ],
  };
}

describe("the teacher in the report", () => {
  it("is a section with the statistics per task and in all, where there is one", () => {
    const html = renderReport({ ...sampleData(), teacher: record() });
    expect(html).toContain('<a href="#teacher">');
    const section = html.split('<section id="teacher">')[1]!.split("</section>")[0]!;
    expect(section).toContain("written by <strong>qwen3:8b</strong>");
    expect(section).toContain("Of 117 samples, 94 were kept: 95.0% of the 40 questions");
    for (const row of [
      '<th scope="row">gsm8k</th><td>20</td><td>95.0%</td><td>60</td><td><b>47</b></td><td>2</td><td>0</td><td>0</td><td>0</td><td>7</td><td>1</td><td>3</td>',
      '<th scope="row">svamp</th><td>20</td><td>95.0%</td><td>57</td><td><b>47</b></td><td>2</td><td>0</td><td>0</td><td>0</td><td>7</td><td>1</td><td>0</td>',
      '<th scope="row">all</th><td>40</td><td>95.0%</td><td>117</td><td><b>94</b></td><td>4</td><td>0</td><td>0</td><td>0</td><td>14</td><td>2</td><td>3</td>',
    ]) {
      expect(section).toContain(row);
    }
    // Only what occurs has a bar.
    expect(section).toContain("wrong: 14 of 117 samples");
    expect(section).not.toContain("unreadable: 0");
    expect(html).not.toMatch(/NaN|undefined<|\[object/);
    const without = renderReport(sampleData());
    expect(without).not.toContain('href="#teacher"');
    expect(without).not.toContain('id="teacher"');
  });

  it("lets samples be looked at by what became of them", () => {
    const samples = pageSamples(record());
    expect(samples.views.map(({ label }) => label)).toEqual([
      "all (3)",
      "only kept (1)",
      "only truncated (1)",
      "only wrong (1)",
      "only of gsm8k (2)",
      "only of svamp (1)",
    ]);
    const root = fakeBrowser();
    const document = fakeDocument(JSON.stringify({ samples }));
    for (const id of Object.keys(document.elements)) if (id !== "data") delete document.elements[id];
    document.elements["samples-browser"] = root;
    runInNewContext(pageScript, { document });
    const select = root.querySelector("select") as FakeElement;
    const item = (): string => root.querySelector(".item")!.textContent;
    expect(item()).toContain("2 + 2 = 4.");
    select.value = "3";
    select.fire("change");
    expect(item()).toContain("2 + 2 = 5.\nAnswer: 5");
    expect(item()).toContain("read as 5, sample 1");
    expect(root.all("wrong")).toHaveLength(1);
    select.value = "2";
    select.fire("change");
    expect(item()).toContain("no answer could be read");
  });

  it("escapes everything, in the report and on the page", () => {
    const data = hostileData({ ...sampleData(), teacher: record() });
    const pages = [renderReport(data), renderTeacherPage(data.teacher!, hostileText)];
    for (const html of pages) {
      expect(html).not.toContain("<img");
      expect(html.split("<script")).toHaveLength(3);
      expect(html.split("</script")).toHaveLength(3);
      expect(html).toContain('<section id="teacher">');
    }
  });

  it("says of an import where it came from and what was left out, escaped", () => {
    const { model: _model, ...written } = record();
    const imported = {
      file: "alpaca.json",
      form: "alpaca",
      skipped: { "several questions in one row": 1200, [hostileText]: 1 },
      ownAnswers: true,
    };
    const html = renderTeacherPage({ ...written, imported }, "skipthink teach import alpaca.json");
    expect(html).toContain('<p class="kicker">skipthink teach import</p><h1>alpaca.json</h1>');
    expect(html).toContain("imported from <strong>alpaca.json</strong>, read as alpaca. Of 117 samples");
    expect(html).toContain("1,200 × several questions in one row; 1 × &lt;/script&gt;");
    expect(html).toContain("each rationale's own answer was taken");
    expect(html).not.toContain("<img");
    const plain = { ...imported, skipped: {}, ownAnswers: false };
    const without = renderTeacherPage({ ...written, imported: plain }, "skipthink teach import alpaca.json");
    expect(without).not.toContain("left out before");
    expect(without).not.toContain("own answer");
  });

  it("has a page of its own, also of a folder without samples", () => {
    const html = renderTeacherPage(record(), "skipthink teach --out teacher/qwen");
    expect(html).toContain("94 rationales of 117 samples passed the filter.");
    expect(html).toContain("<code>skipthink teach --out teacher/qwen</code>");
    const empty = renderTeacherPage({ tasks: [], samples: [] }, "skipthink teach");
    expect(empty).toContain("No samples were kept");
    expect(empty.split("<script")[0]).not.toMatch(/NaN|undefined/);
  });
});
