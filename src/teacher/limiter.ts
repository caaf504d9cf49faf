/** Requests and tokens per minute, over any 60 seconds, and the pauses that the endpoint asks for. */
import type { Clock } from "./clock.ts";

const windowMilliseconds = 60_000;

export interface RateLimits {
  requestsPerMinute?: number | undefined;
  tokensPerMinute?: number | undefined;
}

/** A request that was let through. */
export interface Admission {
  readonly at: number;
  /** What it may take; `RateLimiter.correct` sets what it took. */
  tokens: number;
}

export class RateLimiter {
  private readonly limits: RateLimits;
  private readonly clock: Clock;
  private admitted: Admission[] = [];
  private pausedUntil = Number.NEGATIVE_INFINITY;
  /** Requests are let through in the order in which they ask. */
  private queue: Promise<unknown> = Promise.resolve();
  /** Ends the sleep of the first in the queue; the others wait for it. */
  private wake: () => void = () => {};

  constructor(limits: RateLimits, clock: Clock) {
    this.limits = limits;
    this.clock = clock;
  }

  /**
   * Waits until a request may go out. One that alone exceeds the tokens per minute goes when nothing else is in the window.
   * @returns undefined when the signal was raised first
   */
  async admit(tokens: number, signal: AbortSignal): Promise<Admission | undefined> {
    const turn = this.queue.then(() => this.wait(tokens, signal));
    this.queue = turn.catch(() => {});
    return await turn;
  }

  /** The reply says how many tokens there were. Whoever waits for the room that was set aside for it looks again. */
  correct(admission: Admission, tokens: number): void {
    const isRoom = tokens < admission.tokens;
    admission.tokens = tokens;
    if (isRoom) this.wake();
  }

  /** Nothing goes out for so long. */
  pause(milliseconds: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, this.clock.now() + milliseconds);
  }

  private async wait(tokens: number, signal: AbortSignal): Promise<Admission | undefined> {
    while (!signal.aborted) {
      const now = this.clock.now();
      const delay = Math.max(this.pausedUntil - now, this.delay(tokens, now));
      if (delay <= 0) {
        const admission = { at: now, tokens };
        if (this.isLimited()) this.admitted.push(admission);
        return admission;
      }
      await this.sleep(Math.ceil(delay), signal);
    }
    return undefined;
  }

  /** Until the time is over, there may be more room, or the signal is raised. */
  private async sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    const end = new AbortController();
    this.wake = () => end.abort();
    signal.addEventListener("abort", this.wake);
    await this.clock.sleep(milliseconds, end.signal);
    signal.removeEventListener("abort", this.wake);
    this.wake = () => {};
  }

  private isLimited(): boolean {
    return this.limits.requestsPerMinute !== undefined || this.limits.tokensPerMinute !== undefined;
  }

  /** Milliseconds until the window has room. */
  private delay(tokens: number, now: number): number {
    this.admitted = this.admitted.filter(({ at }) => at > now - windowMilliseconds);
    const { requestsPerMinute = Infinity, tokensPerMinute = Infinity } = this.limits;
    let requests = this.admitted.length;
    let used = this.admitted.reduce((sum, admission) => sum + admission.tokens, 0);
    let until = now;
    for (const admission of this.admitted) {
      if (requests < requestsPerMinute && used + tokens <= tokensPerMinute) break;
      requests--;
      used -= admission.tokens;
      until = admission.at + windowMilliseconds;
    }
    return until - now;
  }
}
