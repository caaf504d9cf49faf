/** Where the recipes that come with the package lie, and which there are. */
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";

/** This file lies as deep in src/ as it does in dist/, so one way up fits both. */
export const shippedRecipesFolder = resolve(import.meta.dirname, "../../../recipes");

/** Names without the ending, such as "demo" and "tasks/svamp", sorted. */
export async function shippedRecipeNames(): Promise<string[]> {
  const files = await readdir(shippedRecipesFolder, { recursive: true });
  return files
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => file.replaceAll("\\", "/"))
    .map((file) => file.slice(0, -".yaml".length))
    .sort();
}

export function shippedRecipePath(name: string): string {
  return join(shippedRecipesFolder, `${name}.yaml`);
}
