/*
 * A change mark is a string that sorts by the time it was made: a writer that crashed between its change and its stamp
 * leaves a mark behind, and the worker finds it by age.
 */

/** Digits of a Unix time in milliseconds in base 36, until the year 5188. */
const TIME_DIGITS = 9;

const timePart = (at: Date): string => at.getTime().toString(36).padStart(TIME_DIGITS, '0');

/** A mark of this moment; `unique` keeps marks of the same millisecond apart. */
export const changeMark = (at: Date, unique: string): string => `${timePart(at)}-${unique}`;

/** Sorts after every mark made before `at`, and before every later one. */
export const markBefore = (at: Date): string => timePart(at);
