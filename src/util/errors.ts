/**
 * Errors that a person can act on. Everything thrown on purpose is a SkipthinkError with an exit code, the place
 * (file, line, key) and a remedy; anything else that reaches the command line is a defect of ours.
 */

/** Exit codes of every command; part of the contract for scripts. */
export const exitCodes = {
  done: 0,
  failure: 1,
  /** Usage, configuration or input data. */
  usage: 2,
  teacher: 3,
  budget: 4,
  resumeMismatch: 5,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export interface ErrorPlace {
  file?: string | undefined;
  /** 1-based line of the file. */
  line?: number | undefined;
  /** Configuration key, tensor name or field name. */
  key?: string | undefined;
}

export class SkipthinkError extends Error {
  readonly exitCode: ExitCode;
  readonly place: ErrorPlace;
  /** What the reader should do next, as an imperative sentence. */
  readonly remedy: string | undefined;

  constructor(
    message: string,
    options: { exitCode?: ExitCode; place?: ErrorPlace; remedy?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "SkipthinkError";
    this.exitCode = options.exitCode ?? exitCodes.failure;
    this.place = options.place ?? {};
    this.remedy = options.remedy;
  }
}

/** Bad usage, configuration or input data (exit code 2). */
export function inputError(message: string, place: ErrorPlace = {}, remedy?: string): SkipthinkError {
  return new SkipthinkError(message, {
    exitCode: exitCodes.usage,
    place,
    ...(remedy === undefined ? {} : { remedy }),
  });
}
