/** Does nothing. As a listener for the errors of a socket that is being closed: without one, Node throws them. */
export function ignore(): void {
  return undefined;
}
