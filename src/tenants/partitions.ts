import { KmipError } from '../../spec/kmip-error.ts'
import type { Partition } from '../partitions/index.ts'
import type { Guard, Space } from '../store/ledger.ts'
import { type Identity, livingTenant } from './identity.ts'
import { movingPartition } from './moving-partition.ts'
import type { TenantId } from './names.ts'
import { type PartitionDefinition, partitionOfNew, type Settings, type Tenant } from './settings.ts'

/** Everything that a request of one tenant may reach. Code that holds it has no way to another tenant's space or partition. */
export interface TenantContext {
  readonly tenant: Tenant
  readonly space: Space
  /** Goes with every commit that makes an object: the tenant was not removed meanwhile. */
  readonly guard: Guard
  readonly wrapping: Wrapping
  /** Opened at first use; not before, so that a request which needs no key does not wait for a device. */
  partition(): Promise<Partition>
}

/**
 * Under which epoch of the tenant's partition keys are wrapped. The guard goes with every commit that stores a key wrapped anew: once a turn has
 * begun, none can be added under the KEK that is to be destroyed.
 */
export interface Wrapping {
  readonly guard: Guard
  /** Undefined for a partition that never had another epoch than it was made with. */
  readonly epoch: number | undefined
}

/**
 * Opens a partition from its definition; the composition root knows the kinds. `before`: this process's opening of an earlier definition, which
 * may learn of the change and be given back.
 */
export type PartitionOpener = (definition: PartitionDefinition, before?: Partition) => Promise<Partition>

/** The partitions that this process has open: each once, shared by the tenants and requests that use it. */
export class OpenPartitions {
  readonly #settings: Settings
  readonly #open: PartitionOpener
  readonly #spaceOf: (tenant: TenantId) => Space
  readonly #held = new Map<string, { readonly revision: number; readonly partition: Promise<Partition> }>()
  /** Those of tenants that are being moved. */
  readonly #moving = new Map<TenantId, { readonly source: Partition; readonly target: Partition; readonly partition: Partition }>()
  /** Why the last opening of a partition failed, by its name. */
  readonly #problems = new Map<string, string>()
  #closed = false

  constructor(settings: Settings, open: PartitionOpener, spaceOf: (tenant: TenantId) => Space) {
    this.#settings = settings
    this.#open = open
    this.#spaceOf = spaceOf
  }

  /** What an identity's requests may reach. @throws KmipError when its tenant was removed. */
  contextOf(identity: Pick<Identity, 'tenant'>): TenantContext {
    const view = this.#settings.view()
    const tenant = livingTenant(view, identity.tenant)
    if (tenant === undefined) throw new KmipError('AuthenticationNotSuccessful', `Tenant ${identity.tenant} does not exist any more.`)
    const guard = this.#settings.guard('tenant', tenant.id, view.tenants.get(tenant.id)!.revision)
    const wrapping = wrappingOf(this.#settings, partitionOfNew(tenant))
    return { tenant, guard, wrapping, space: this.#spaceOf(tenant.id), partition: () => this.#of(tenant) }
  }

  async #of({ id, partition, moving }: Tenant): Promise<Partition> {
    if (moving === undefined) return await this.open(partition)
    const [source, target] = await Promise.all([this.open(partition), this.open(moving.to)])
    const known = this.#moving.get(id)
    if (known?.source === source && known.target === target) return known.partition
    const made = { source, target, partition: movingPartition(source, target) }
    this.#moving.set(id, made)
    return made.partition
  }

  /** Opens a partition, or waits for the opening that runs. One that failed is tried again by the next request. */
  async open(name: string): Promise<Partition> {
    const defined = this.#settings.view().partitions.get(name)
    if (defined === undefined) throw new KmipError('GeneralFailure', `Partition ${name} is not defined; run: tresor partition list`)
    const held = this.#held.get(name)
    if (held !== undefined && held.revision === defined.revision) return await held.partition
    const partition = this.#replace(defined.value, held?.partition)
    this.#held.set(name, { revision: defined.revision, partition })
    partition.then(
      () => this.#problems.delete(name),
      (error: unknown) => {
        this.#problems.set(name, error instanceof Error ? error.message : String(error))
        if (this.#held.get(name)?.partition === partition) this.#held.delete(name)
      },
    )
    return await partition
  }

  /** Begins to open what living tenants use, so that their first requests need not wait and `problems` knows. */
  openAll(): void {
    const { tenants } = this.#settings.view()
    const names = [...tenants.values()].flatMap(({ value }) => (value.removedAt === undefined ? [value.partition] : []))
    for (const name of new Set(names)) this.#tryToOpen(name)
  }

  /** The partitions that cannot be opened, and why. Each call has them tried once more. */
  problems(): Readonly<Record<string, string>> {
    const now = Object.fromEntries(this.#problems)
    for (const name of this.#problems.keys()) {
      if (!this.#settings.view().partitions.has(name)) this.#problems.delete(name)
      else if (!this.#held.has(name)) this.#tryToOpen(name)
    }
    return now
  }

  /** Its failure is told by `problems`. */
  #tryToOpen(name: string): void {
    if (!this.#closed) this.open(name).catch(() => undefined)
  }

  async close(): Promise<void> {
    this.#closed = true
    const all = [...this.#held.values()]
    this.#held.clear()
    await Promise.all(all.map(async ({ partition }) => (await partition.catch(() => undefined))?.close()))
  }

  /** The new one is opened before the old one is closed: requests that hold the old one are served by it to their end, or fail and run again. */
  async #replace(definition: PartitionDefinition, old: Promise<Partition> | undefined): Promise<Partition> {
    const before = await old?.catch(() => undefined)
    const partition = await this.#open(definition, before)
    if (before !== partition) await before?.close()
    return partition
  }
}

/** As the settings are now. */
export function wrappingOf(settings: Settings, partition: string): Wrapping {
  const defined = settings.view().partitions.get(partition)
  return { guard: settings.guard('partition', partition, defined?.revision ?? 0), epoch: defined?.value.epoch }
}
