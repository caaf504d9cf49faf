/** Kinds of values that several sections of a recipe hold. */
import { z } from "zod";
import { methodNames } from "../../method/baselines/plan.ts";

export const count = (least: number, most: number) => z.int().min(least).max(most);
export const share = () => z.number().min(0).max(1);
export const filePath = () => z.string().min(1).max(4096);
export const methodSchema = z.enum(methodNames);
