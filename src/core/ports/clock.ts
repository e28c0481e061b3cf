/** Milliseconds; a port so that tests can let time pass. */
export type Clock = () => number;
