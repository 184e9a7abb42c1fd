/** The protocol versions there are, oldest first; their order is the order of this list, never a number's. */
export const versions = ['1.0', '1.1', '1.2', '1.3', '1.4', '2.0', '2.1', '3.0'] as const

export type Version = (typeof versions)[number]

/** The versions that Tresor's server answers, most wanted first (the order of Discover Versions, KMIP 2.1 §6.1.16). */
export const servedVersions = ['2.1', '2.0', '1.4', '1.3', '1.2', '1.1', '1.0'] as const satisfies readonly Version[]

const order = new Map<string, number>(versions.map((version, index) => [version, index]))

/** Parses `major.minor`; undefined when no such version of KMIP is known here. */
export function versionOf(major: number, minor: number): Version | undefined {
  const text = `${major}.${minor}`
  return order.has(text) ? (text as Version) : undefined
}

/** Whether `version` is `since` or later and `until` or earlier. */
export function isWithin(version: Version, since: Version, until?: Version): boolean {
  const at = rank(version)
  return at >= rank(since) && (until === undefined || at <= rank(until))
}

/** The position of a version in {@link versions}: for tables indexed by version. */
export function rank(version: Version): number {
  return order.get(version) as number
}
