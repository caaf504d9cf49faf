/** The page's script, run against a document without a markup parser. */
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { methodLooks } from "../../src/report/palette.ts";
import { pageScript } from "../../src/report/script.ts";
import { pageData } from "../../src/report/sections/browsers.ts";
import { type FakeElement, fakeDocument } from "./fake-dom.ts";
import { hostileData, hostileText } from "./hostile.ts";
import { sampleData } from "./sample-data.ts";

function open(data = sampleData()) {
  const page = pageData(data, methodLooks(data));
  const document = fakeDocument(JSON.stringify(page));
  runInNewContext(pageScript, { document });
  const part = (id: string): FakeElement => document.elements[`${id}-browser`]!;
  return { page, rationales: part("rationales"), problems: part("problems") };
}
const text = (root: FakeElement, selector: string): string => root.querySelector(selector)!.textContent;

describe("page script", () => {
  it("moves by button and by key and stops at the ends", () => {
    const { rationales, page } = open();
    const [back, next] = rationales.querySelectorAll("button");
    const last = page.rationales.items.length;
    expect(text(rationales, ".position")).toBe(`1 of ${last}`);
    expect(back!.getAttribute("aria-disabled")).toBe("true");
    back!.fire("click");
    expect(text(rationales, ".position")).toBe(`1 of ${last}`);
    next!.fire("click");
    expect(text(rationales, ".position")).toBe(`2 of ${last}`);
    expect(text(rationales, ".item")).toContain(page.rationales.items[1]!.question);
    rationales.fire("keydown", { key: "End" });
    expect(text(rationales, ".position")).toBe(`${last} of ${last}`);
    expect(next!.getAttribute("aria-disabled")).toBe("true");
    rationales.fire("keydown", { key: "ArrowLeft" });
    expect(text(rationales, ".position")).toBe(`${last - 1} of ${last}`);
    // Browser shortcuts (Alt + left is "back") and the select's own keys are left alone.
    rationales.fire("keydown", { key: "ArrowLeft", altKey: true });
    rationales.fire("keydown", { key: "Home", target: rationales.querySelector("select") });
    rationales.fire("keydown", { key: "toString" });
    expect(text(rationales, ".position")).toBe(`${last - 1} of ${last}`);
  });

  it("filters problems and starts again at the first", () => {
    const { problems, page } = open();
    const view = page.problems.views.findIndex(({ label }) => label.startsWith("full wrong, stt right"));
    expect(view).toBeGreaterThan(0);
    problems.fire("keydown", { key: "ArrowRight" });
    const select = problems.querySelector("select")!;
    select.value = String(view);
    select.fire("change");
    const { items } = page.problems.views[view]!;
    expect(text(problems, ".position")).toBe(`1 of ${items.length}`);
    expect(text(problems, ".item")).toContain(page.problems.items[items[0]!]!.id);
  });

  it("marks the answer, strikes skipped chunks and shows roles, reasons and trials", () => {
    const { problems, rationales, page } = open();
    const first = page.problems.items[0]!;
    expect(problems.all("mark").map((mark) => mark.textContent)).toEqual(
      first.outputs.map((output) => output.answer),
    );
    expect(problems.all("output-text").map((part) => part.textContent)).toEqual(
      first.outputs.map((o) => o.text),
    );
    const chunks = page.rationales.items[0]!.chunks;
    expect(rationales.all("skipped")).toHaveLength(chunks.filter((chunk) => chunk.skipped).length);
    const skipped = rationales.all("skipped")[0]!;
    expect(skipped.all("s").length).toBeGreaterThan(0);
    expect(skipped.textContent).toContain("the answer stays right without it");
    expect(skipped.textContent).toContain("the student then answers");
    expect(rationales.all("role").length).toBe(chunks.flatMap((chunk) => chunk.steps).length);
  });

  it("writes hostile texts as text", () => {
    const { problems, rationales } = open(hostileData(sampleData()));
    expect(text(problems, ".item")).toContain(hostileText);
    expect(text(rationales, ".item")).toContain(hostileText);
    expect(problems.all("img")).toHaveLength(0);
    expect(pageScript).not.toMatch(/innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(/);
  });
});
