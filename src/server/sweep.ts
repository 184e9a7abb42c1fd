import { randomBytes } from 'node:crypto'
import type { Ledger, Space } from '../store/index.ts'
import type { Settings, TenantId } from '../tenants/index.ts'
import type { Claims } from './claims.ts'
import type { Log } from './log.ts'

export interface SweepParts {
  readonly ledger: Pick<Ledger, 'barrier' | 'commit'>
  readonly settings: Pick<Settings, 'view'>
  readonly spaceOf: (tenant: TenantId) => Space
  readonly claims: Pick<Claims, 'take' | 'renew' | 'end'>
  /** The settings of a tenant's space that nobody needs any more; looked at lazily. */
  readonly lapsed: (space: Space) => Iterable<string>
  readonly log: Pick<Log, 'info'>
  /** Milliseconds between two looks; they are spread a little. */
  readonly every?: number
}

/**
 * Removes what has lapsed in the tenants' spaces: on one process of all nodes, and on another when that one dies. Nothing is written while
 * nothing has lapsed. Nobody relies on what is removed, so removing it twice is harmless.
 */
export class Sweep {
  readonly #parts: Required<SweepParts>
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<unknown> | undefined
  #isStopped = false

  constructor(parts: SweepParts) {
    this.#parts = { every: defaultEvery, ...parts }
  }

  start(): void {
    const { every, log } = this.#parts
    this.#timer = setTimeout(
      () => {
        this.#looking = this.look()
          .catch((error: unknown) => log.info('what has lapsed was not removed', { error }))
          .finally(() => this.#isStopped || this.start())
      },
      every * (0.75 + Math.random() / 2),
    )
    this.#timer.unref()
  }

  /** Resolves when what is being removed now is. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#looking
  }

  /** @returns how many were removed here */
  async look(): Promise<number> {
    const { ledger, claims, lapsed } = this.#parts
    await ledger.barrier()
    const isDue = this.#spaces().some((space) => first(lapsed(space)) !== undefined)
    if (!isDue || !(await claims.take(claim))) return 0
    try {
      let removed = 0
      for (const space of this.#spaces()) {
        for (let some = this.#some(space); some.length > 0 && !this.#isStopped; some = this.#some(space)) {
          await this.#remove(space, some)
          removed += some.length
          await ledger.barrier()
          await claims.renew([claim])
        }
      }
      return removed
    } finally {
      await claims.end(claim)
    }
  }

  /** Of removed tenants too. */
  #spaces(): Space[] {
    return [...this.#parts.settings.view().tenants.values()].map(({ value }) => this.#parts.spaceOf(value.id))
  }

  #some(space: Space): string[] {
    const some: string[] = []
    for (const id of this.#parts.lapsed(space)) if (some.push(id) === atOnce) break
    return some
  }

  async #remove(space: Space, ids: readonly string[]): Promise<void> {
    const writes = ids.map((id) => ({ place: { space, kind: 'setting', id } as const, value: undefined }))
    const result = await this.#parts.ledger.commit({ nonce: randomBytes(16), guards: [], writes })
    if (result.outcome !== 'committed') throw new Error(`removing what has lapsed: ${result.outcome}`)
  }
}

function first<T>(all: Iterable<T>): T | undefined {
  for (const one of all) return one
  return undefined
}

const claim = 'sweep'
/** Within what one etcd transaction takes. */
const atOnce = 100
const defaultEvery = 60_000
