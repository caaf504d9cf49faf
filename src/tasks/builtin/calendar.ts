/** The little calendar that the date problems need: Gregorian dates, shifts, American formats. */
import { countWord } from "./phrases.ts";
import { months } from "./words.ts";

export interface CalendarDate {
  year: number;
  /** 1 to 12. */
  month: number;
  /** 1 to 31. */
  day: number;
}

export interface Shift {
  unit: "day" | "week" | "month" | "year";
  /** Positive. */
  count: number;
  /** 1 forward, -1 back. */
  direction: 1 | -1;
}

export function daysInMonth(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** Whether a shift lands on a date without an argument: months and years only from days that every month has. */
export function canShift(date: CalendarDate, shift: Shift): boolean {
  return shift.unit === "day" || shift.unit === "week" || date.day <= 28;
}

/** @throws RangeError where `canShift` is false. */
export function shifted(date: CalendarDate, shift: Shift): CalendarDate {
  if (!canShift(date, shift)) throw new RangeError("a month or year later is not defined for this day");
  const amount = shift.count * shift.direction;
  const days = shift.unit === "day" ? amount : shift.unit === "week" ? 7 * amount : 0;
  const monthCount = shift.unit === "month" ? amount : shift.unit === "year" ? 12 * amount : 0;
  const moved = new Date(Date.UTC(date.year, date.month - 1 + monthCount, date.day + days));
  return { year: moved.getUTCFullYear(), month: moved.getUTCMonth() + 1, day: moved.getUTCDate() };
}

export function reversed(shift: Shift): Shift {
  return { ...shift, direction: shift.direction === 1 ? -1 : 1 };
}

/** MM/DD/YYYY. */
export function numericDate({ year, month, day }: CalendarDate): string {
  return `${String(month).padStart(2, "0")}/${String(day).padStart(2, "0")}/${year}`;
}

export function monthName({ month }: CalendarDate): string {
  return months[month - 1]!;
}

/** "March 5, 2010". */
export function longDate(date: CalendarDate): string {
  return `${monthName(date)} ${date.day}, ${date.year}`;
}

/** "10 days", "one week", "two months". */
export function amountText({ unit, count }: Shift): string {
  const number = unit === "day" && count > 1 ? String(count) : countWord(count);
  return `${number} ${unit}${count === 1 ? "" : "s"}`;
}
