import type { Replica, Space } from '../store/index.ts'
import { jobPlacesLapsed } from './job-record.ts'
import { ticketPlaces } from './request-tickets.ts'

/** The settings of a tenant's space that nobody needs any more: tickets that have ended, and what was answered later and had. */
export function* lapsedIn(replica: Pick<Replica, 'list'>, space: Space, second: number): Iterable<string> {
  yield* ticketPlaces.lapsed(replica, space, second)
  yield* jobPlacesLapsed(replica, space, second)
}
