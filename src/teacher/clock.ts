/** Time as the teacher client sees it; tests give their own, so that waits of minutes take none. */

export interface Clock {
  /** Milliseconds since some start, never going back. */
  now(): number;
  /** Ends early, without an error, when the signal is raised. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  sleep(milliseconds, signal) {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      signal?.addEventListener("abort", end, { once: true });
    });
  },
};
