/**
 * Run before every test file. Files of one worker share what they import, so a hook at the top of a helper would belong to
 * the first file that imports it alone.
 */
import { afterAll } from "vitest";
import { cleanUpFile } from "./after-file.ts";

afterAll(cleanUpFile);
