/** Names of settings that lapse: by the second at which they do, so that the first to lapse stand first and are found without a search. */
export interface LapsingPlaces {
  /** The beginning of all their names. */
  readonly folder: string
  /** @param second since 1970 */
  at(second: number, name: string): string
  /** Whether what lies there has lapsed by a second. */
  hasLapsed(id: string, second: number): boolean
}

export function lapsingPlaces(kind: string): LapsingPlaces {
  const folder = `${kind}/`
  return {
    folder,
    at: (second, name) => `${folder}${digits(second)}/${name}`,
    hasLapsed: (id, second) => id.slice(folder.length, folder.length + width) <= digits(second),
  }
}

/** Hexadecimal digits: enough for longer than anything here lasts. */
const width = 10

function digits(second: number): string {
  return second.toString(16).padStart(width, '0')
}
