#!/usr/bin/env node
/** Entry of the `skipthink` command. Everything happens in program.ts, which tests call without a process. */
import { exitCodes } from "../util/errors.ts";
import { surviveOutputErrors } from "./output-errors.ts";
import { runCli } from "./program.ts";

surviveOutputErrors(process);
const exitCode = await runCli(process.argv.slice(2));
// Lost results have set one already, which success must not clear.
if (exitCode !== exitCodes.done) process.exitCode = exitCode;
