/** Unix time in whole microseconds, comparable between the threads of a process. */
export const unixMicroseconds = (): number => Math.round((performance.timeOrigin + performance.now()) * 1_000);
