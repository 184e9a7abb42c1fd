import type { Replica, Space } from '../store/index.ts'

/** Names of settings that lapse: by the second at which they do, so that the first to lapse stand first and are found without a search. */
export interface LapsingPlaces {
  /** The beginning of all their names. */
  readonly folder: string
  /** @param second since 1970 */
  at(second: number, name: string): string
  /** What has lapsed by a second, the first to lapse first. */
  lapsed(replica: Pick<Replica, 'list'>, space: Space, second: number): Iterable<string>
}

export function lapsingPlaces(kind: string): LapsingPlaces {
  const folder = `${kind}/`
  return {
    folder,
    at: (second, name) => `${folder}${digits(second)}/${name}`,
    *lapsed(replica, space, second) {
      for (const { id } of replica.list(space, 'setting', folder)) {
        if (id.slice(folder.length, folder.length + width) > digits(second)) return
        yield id
      }
    },
  }
}

/** Hexadecimal digits: enough for longer than anything here lasts. */
const width = 10

function digits(second: number): string {
  return second.toString(16).padStart(width, '0')
}
