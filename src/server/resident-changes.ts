import { residentName, type WrappedKey } from '../objects/index.ts'
import type { Partition } from '../partitions/index.ts'
import type { Guard } from '../store/index.ts'
import { condemnedPlace } from '../tenants/index.ts'

/**
 * What one commit does to keys that stay in their device. The store and the device are two systems: a key is made before its record is
 * stored, and destroyed after its record says so; what a crash leaves between the two is collected (tenants/resident-sweep.ts).
 */
export class ResidentChanges {
  readonly #partition: Partition
  readonly #made: Uint8Array[] = []
  readonly #gone: Uint8Array[] = []

  constructor(partition: Partition) {
    this.#partition = partition
  }

  /** `before` as it is stored, `after` as it will be. */
  note(before: WrappedKey | undefined, after: WrappedKey | undefined): void {
    const [had, has] = [before && residentName(before), after && residentName(after)]
    if (had === undefined && has !== undefined) this.#made.push(has)
    if (had !== undefined && has === undefined) this.#gone.push(had)
  }

  /** A key that was found without a record, and given up for that, must not get one later. */
  guards(): Guard[] {
    return this.#made.map((name) => ({ place: condemnedPlace(name), revision: 0 }))
  }

  /** Undefined where there is nothing to do. Never fails: what cannot be destroyed now is collected later. */
  settled(outcome: 'committed' | 'conflict'): Promise<void> | undefined {
    const names = outcome === 'committed' ? this.#gone : this.#made
    if (names.length === 0) return undefined
    return Promise.allSettled(names.map((name) => this.#partition.destroyResident?.(name))).then(() => undefined)
  }
}
