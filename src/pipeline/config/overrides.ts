/** `key.path=value` from the command line, laid over the recipe before it is checked. */
import { parse } from "yaml";
import { inputError } from "../../util/errors.ts";
import { isMapping, type Mapping } from "./tree.ts";

/** What errors and notes call the place an override came from. */
export const overridePlace = "command line";

// Also keeps "__proto__" away from plain objects.
const keyPattern = /^[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9][A-Za-z0-9_-]*)*$/;

/**
 * Changes `tree` in place and returns the keys that were set. The value is YAML (`3e-4`, `[full, stt]`,
 * `{unit: epochs, amount: 3}`); `null` takes the key out, so that its default holds.
 *
 * @param place what errors call the place the overrides stand in
 * @throws SkipthinkError (exit code 2) for text without `=`, a malformed key or a value that is no YAML
 */
export function applyOverrides(
  tree: Mapping,
  overrides: readonly string[],
  place: string = overridePlace,
): string[] {
  return overrides.map((override) => {
    const equals = override.indexOf("=");
    const key = override.slice(0, Math.max(equals, 0)).trim();
    if (!keyPattern.test(key)) {
      throw inputError(
        `"${override}" is not key=value`,
        { file: place },
        "Write the dotted key, an equals sign and the value, such as train.budget.amount=3.",
      );
    }
    setValue(tree, key, parseValue(override.slice(equals + 1), key, place), place);
    return key;
  });
}

function parseValue(text: string, key: string, place: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw inputError(`the value is not YAML: ${reason}`, { file: place, key }, "Put the value in quotes.");
  }
}

function setValue(tree: Mapping, key: string, value: unknown, place: string): void {
  const parts = key.split(".");
  const last = parts.pop()!;
  let parent = tree;
  for (const [depth, part] of parts.entries()) {
    let next = parent[part];
    if (next === undefined || next === null) {
      next = {};
      parent[part] = next;
    }
    if (!isMapping(next)) {
      throw inputError(
        `${parts.slice(0, depth + 1).join(".")} is not a mapping, so ${key} cannot be set`,
        { file: place, key },
        "Set the whole value instead.",
      );
    }
    parent = next;
  }
  if (value === null) delete parent[last];
  else parent[last] = value;
}
