/** What the process ends with. */
export const exitCodes = { fine: 0, wrong: 1, usage: 2 } as const;

/** A mistake on the command line that only shows once the command runs. */
export class UsageError extends Error {}
