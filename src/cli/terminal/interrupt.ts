/** Ctrl-C: the first one asks the run to save and stop, the second one stops at once. */
import { exitCodes } from "../../util/errors.ts";

export interface InterruptHandler {
  /** True once a stop was asked for; long loops look at it between steps. */
  stopRequested(): boolean;
  /** Gives the signals their usual meaning back. */
  uninstall(): void;
}

export interface InterruptOptions {
  /** Prints the message; default: a line on stderr. */
  announce?: (message: string) => void;
  signals?: Pick<NodeJS.EventEmitter, "on" | "off">;
  exit?: (code: number) => void;
  /** Milliseconds; default: a monotonic clock. */
  now?: () => number;
}

/**
 * `npm run` and shells may deliver one key press twice (to the process group, and forwarded by the parent); what comes
 * this soon after the first is the same key press.
 */
const samePressMilliseconds = 250;

export function installInterruptHandler(options: InterruptOptions = {}): InterruptHandler {
  const announce = options.announce ?? ((message) => void process.stderr.write(`\n${message}\n`));
  const signals = options.signals ?? process;
  const exit = options.exit ?? ((code) => process.exit(code));
  const now = options.now ?? (() => performance.now());
  let requestedAt: number | undefined;

  const requestStop = (): void => {
    if (requestedAt !== undefined) return;
    requestedAt = now();
    announce("finishing the current step and saving a checkpoint; press Ctrl-C again to stop at once");
  };
  const onInterrupt = (): void => {
    if (requestedAt === undefined) requestStop();
    else if (now() - requestedAt >= samePressMilliseconds) exit(exitCodes.interrupted);
  };
  signals.on("SIGINT", onInterrupt);
  signals.on("SIGTERM", requestStop);
  // The terminal is gone: what runs in processes of their own has to be told, or it would go on unseen.
  signals.on("SIGHUP", requestStop);
  return {
    stopRequested: () => requestedAt !== undefined,
    uninstall() {
      signals.off("SIGINT", onInterrupt);
      signals.off("SIGTERM", requestStop);
      signals.off("SIGHUP", requestStop);
    },
  };
}
