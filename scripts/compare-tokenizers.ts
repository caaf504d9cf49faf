/**
 * Holds our tokenizers against what python/parity/check_tokenizers.py wrote: every id, every decoded text. Prints the first
 * differences of each tokenizer and exits 1 if there are any.
 *
 *   npx tsc -p tsconfig.tools.json && node build/scripts/compare-tokenizers.js <folder>
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadTokenizer } from "../src/students/tokenizer.ts";

interface Expected {
  folder: string;
  texts: string[];
  ids: number[][];
  decoded: string[];
  looseIds: number[][];
  looseDecoded: string[];
}

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node build/scripts/compare-tokenizers.js <folder>");
  process.exit(2);
}
const shown = 20;
let failed = 0;
for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
  const expected = JSON.parse(readFileSync(join(folder, file), "utf8")) as Expected;
  const tokenizer = await loadTokenizer(expected.folder);
  const differences: string[] = [];
  let passed = 0;
  const same = (kind: string, place: unknown, found: unknown, right: unknown) => {
    if (JSON.stringify(found) === JSON.stringify(right)) passed += 1;
    else
      differences.push(
        `${kind} ${JSON.stringify(place)}\n  ours   ${JSON.stringify(found)}\n  python ${JSON.stringify(right)}`,
      );
  };
  expected.texts.forEach((text, i) => {
    same("encode", text, tokenizer.encode(text), expected.ids[i]);
    same("decode", expected.ids[i], tokenizer.decode(expected.ids[i]!), expected.decoded[i]);
  });
  expected.looseIds.forEach((ids, i) => {
    same("decode", ids, tokenizer.decode(ids), expected.looseDecoded[i]);
  });
  console.log(`${file}: ${passed} passed, ${differences.length} failed`);
  for (const difference of differences.slice(0, shown)) console.log(difference);
  failed += differences.length;
}
process.exit(failed === 0 ? 0 : 1);
