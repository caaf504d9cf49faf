#!/usr/bin/env node
/** Entry of the `skipthink` command. Everything happens in program.ts, which tests call without a process. */
import { runCli } from "./program.ts";

// A reader that closes early (`skipthink generate … | head`) is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

process.exitCode = await runCli(process.argv.slice(2));
