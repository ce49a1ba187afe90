/** Marks a branch that the types rule out; names the value when the types were wrong. */
export function assertNever(value: never, what: string): never {
  throw new Error(`Unexpected ${what}: ${JSON.stringify(value)}`);
}
