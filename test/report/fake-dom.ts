/** TEST FIXTURE: the few parts of a browser's document that the page's script uses; it has no way to parse markup. */

type Listener = (event: Record<string, unknown>) => void;

export class FakeElement {
  readonly name: string;
  readonly children: FakeElement[] = [];
  readonly attributes = new Map<string, string>();
  readonly listeners = new Map<string, Listener>();
  className = "";
  value = "";
  private own = "";

  constructor(name: string, text = "") {
    this.name = name;
    this.own = text;
  }

  get textContent(): string {
    return this.own + this.children.map((child) => child.textContent).join("");
  }
  set textContent(text: string) {
    this.children.length = 0;
    this.own = text;
  }
  appendChild(child: FakeElement): void {
    this.children.push(child);
  }
  setAttribute(name: string, value: string): void {
    this.attributes.set(name, value);
  }
  getAttribute(name: string): string | null {
    return this.attributes.get(name) ?? null;
  }
  addEventListener(type: string, listener: Listener): void {
    this.listeners.set(type, listener);
  }
  fire(type: string, event: Record<string, unknown> = {}): void {
    this.listeners.get(type)?.({ preventDefault() {}, target: this, ...event });
  }
  /** All elements below with this tag or class. */
  all(name: string): FakeElement[] {
    return this.children.flatMap((child) => [
      ...(child.name === name || child.className.split(" ").includes(name) ? [child] : []),
      ...child.all(name),
    ]);
  }
  querySelector(selector: string): FakeElement | undefined {
    return this.all(selector.replace(".", ""))[0];
  }
  querySelectorAll(selector: string): FakeElement[] {
    return this.all(selector);
  }
}

export function fakeBrowser(): FakeElement {
  const root = new FakeElement("div");
  for (const move of ["-1", "1"]) {
    const button = new FakeElement("button");
    button.setAttribute("data-move", move);
    root.appendChild(button);
  }
  for (const part of ["position", "item"]) {
    const child = new FakeElement("div");
    child.className = part;
    root.appendChild(child);
  }
  root.appendChild(new FakeElement("select"));
  return root;
}

/** A document with both browsers and the page's data. */
export function fakeDocument(json: string) {
  const elements: Record<string, FakeElement> = {
    data: new FakeElement("script", json),
    "rationales-browser": fakeBrowser(),
    "problems-browser": fakeBrowser(),
  };
  return {
    elements,
    getElementById: (id: string) => elements[id] ?? null,
    createElement: (name: string) => new FakeElement(name),
    createElementNS: (_: string, name: string) => new FakeElement(name),
    createTextNode: (text: string) => new FakeElement("#text", text),
  };
}
