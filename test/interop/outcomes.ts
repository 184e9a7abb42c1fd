import { isWithin, type Version } from '../../spec/versions.ts'

/** What a client's step comes to: from each version named here on, until the next one named. A step is not run before the first. */
export type Outcomes = Partial<Record<Version, unknown>>

/** Every step's outcome in one version. */
export function outcomesIn(version: Version, steps: Readonly<Record<string, Outcomes>>): Record<string, unknown> {
  const outcomes: Record<string, unknown> = {}
  for (const [step, given] of Object.entries(steps)) {
    const named = (Object.keys(given) as Version[]).filter((since) => isWithin(version, since)).at(-1)
    if (named !== undefined) outcomes[step] = given[named]
  }
  return outcomes
}
