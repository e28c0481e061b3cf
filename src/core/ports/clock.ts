/** Unix time in milliseconds, as `Date.now` gives it. Tests pass a clock of their own. */
export type Clock = () => number;
