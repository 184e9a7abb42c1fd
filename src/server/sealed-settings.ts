import type { Partition } from '../partitions/index.ts'
import type { Revision, Space, UnitOfWork } from '../store/index.ts'

/** Values whose seal this process has checked, by place and revision: what does not change costs its seal once. */
export class CheckedSettings {
  readonly #known = new Map<string, { readonly revision: Revision; readonly text: string }>()

  get(space: Space, id: string, revision: Revision): string | undefined {
    const known = this.#known.get(`${space} ${id}`)
    return known?.revision === revision ? known.text : undefined
  }

  set(space: Space, id: string, revision: Revision, text: string): void {
    if (this.#known.size >= remembered) this.#known.clear()
    this.#known.set(`${space} ${id}`, { revision, text })
  }
}

const remembered = 10_000

export interface SealedSettingsParts {
  readonly tenant: string
  readonly space: Space
  readonly unit: UnitOfWork
  readonly partition: Pick<Partition, 'sealRecord' | 'checkRecord'>
  readonly checked: CheckedSettings
}

/** Settings of a tenant's space as JSON under a seal of the tenant's partition over tenant, place and text: none can be made or moved outside of it. */
export class SealedSettings<T extends object> {
  readonly #parts: SealedSettingsParts

  constructor(parts: SealedSettingsParts) {
    this.#parts = parts
  }

  /**
   * As this request sees it; relied on.
   * @throws Error when what lies there is not what the tenant's partition sealed
   */
  async read(id: string): Promise<T | undefined> {
    const stored = this.#parts.unit.read('setting', id)
    return stored === undefined ? undefined : await this.believe(id, stored.value, stored.revision)
  }

  /** What lies at a place. @throws Error as `read` */
  async believe(id: string, value: Uint8Array, revision: Revision): Promise<T> {
    const { space, checked, partition } = this.#parts
    const known = checked.get(space, id, revision)
    if (known !== undefined) return JSON.parse(known) as T
    const end = value.indexOf(0)
    const text = Buffer.from(value.subarray(0, Math.max(end, 0))).toString('utf8')
    if (!(await partition.checkRecord(this.#sealed(id, text), value.subarray(end + 1))))
      throw new Error(`the stored setting ${id} in ${space} does not bear its partition's seal`)
    // Revision 0 is what this request staged itself.
    if (revision > 0) checked.set(space, id, revision, text)
    return JSON.parse(text) as T
  }

  async put(id: string, setting: T): Promise<void> {
    const text = JSON.stringify(setting)
    const seal = await this.#parts.partition.sealRecord(this.#sealed(id, text))
    this.#parts.unit.put('setting', id, Buffer.concat([Buffer.from(`${text}\0`), seal]))
  }

  #sealed(id: string, text: string): Uint8Array {
    return Buffer.from(JSON.stringify([this.#parts.tenant, id, text]))
  }
}
