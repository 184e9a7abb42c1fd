import { randomBytes } from 'node:crypto'
import type { Guard, Ledger, Replica, Revision, Space, Write } from '../store/ledger.ts'
import type { TenantId } from './names.ts'
import type { Permission } from './permissions.ts'

/** A tenant: a key space of its own, in a partition. */
export interface Tenant {
  readonly id: TenantId
  readonly partition: string
  /** ISO 8601. */
  readonly createdAt: string
  /** ISO 8601; its name stays taken, because certificates of its clients may still be valid. */
  readonly removedAt?: string
  readonly policy: TenantPolicy
  /** Its keys are being moved to another partition. */
  readonly moving?: TenantMove
}

export interface TenantMove {
  readonly to: string
  /** ISO 8601. */
  readonly startedAt: string
}

/** The name of the partition in which all that is new of a tenant is made: while it is moved, the target. */
export function partitionOfNew({ partition, moving }: Pick<Tenant, 'partition' | 'moving'>): string {
  return moving?.to ?? partition
}

/** Milliseconds: who can bear more than this has no use for a cluster. */
export const longestFreshness = 10_000

export interface TenantPolicy {
  /** Milliseconds for which a request may rely on an earlier barrier; 0, the default, means that every answer is a fact. */
  readonly freshness: number
  /** What new keys get as Extractable when the client says nothing. */
  readonly defaultExtractable: boolean
  /** What new keys get as Sensitive when the client says nothing. */
  readonly defaultSensitive: boolean
  /** Whether keys of 3DES are made and used; not unless told. */
  readonly tripleDes?: boolean
  /** Whether keys may, or must, be made that stay in their token for good; `allowed` when absent. */
  readonly residentKeys?: 'refused' | 'allowed' | 'required'
  /** How many of them there may be at a time; 100 when absent. */
  readonly mostResidentKeys?: number
}

/** Where a tenant's keys are made and used. */
export type PartitionDefinition = SoftwarePartitionDefinition | Pkcs11PartitionDefinition

/** What a partition's definition says of its epochs: each has a KEK of its own. */
export interface PartitionEpochs {
  /** The epoch under which keys are wrapped, from 1; undefined for a partition that never had another than it was made with. */
  readonly epoch?: number
  /** The turn that is under way. */
  readonly turn?: EpochTurn
}

/**
 * `making`: the KEK of epoch `to` is made. `rewrapping`: new keys are wrapped under it, and stored ones are re-wrapped, one after the other.
 * `destroying`: no stored key lies under an earlier KEK any more, and those are destroyed.
 */
export interface EpochTurn {
  readonly phase: 'making' | 'rewrapping' | 'destroying'
  readonly to: number
  /**
   * Who makes the KEK, before any is made. Who takes over begins with the next epoch: what the one before may still make, late, is then the KEK
   * of an epoch that never was, and no two are of one.
   */
  readonly maker?: string
  /** ISO 8601. */
  readonly startedAt: string
}

export interface SoftwarePartitionDefinition extends PartitionEpochs {
  readonly kind: 'software'
  readonly name: string
  /** The partition's key ring, wrapped under the root secret and its epochs' secrets; base64. Only `partitions/` knows what is in it. */
  readonly ring: string
  /** Epoch secrets on their way to nodes that do not have them yet. */
  readonly deliveries?: readonly EpochDelivery[]
}

/** An epoch secret, sealed for one node. */
export interface EpochDelivery {
  readonly secretId: string
  /** The node's delivery key, its public half. */
  readonly key: string
  /** Base64. */
  readonly sealed: string
}

export interface Pkcs11PartitionDefinition extends PartitionEpochs {
  readonly kind: 'pkcs11'
  readonly name: string
  /** Path of the vendor's library. */
  readonly module: string
  readonly token: string
  readonly serial?: string
  /** What the library is told at its start, where it needs that. */
  readonly parameters?: string
  /** Path of the file that holds the PIN, on each node; the PIN itself is in no store. */
  readonly pinFile: string
  /** What the partition keeps beside the token (key labels, epochs); base64. */
  readonly ring?: string
}

export interface User {
  readonly tenant: TenantId
  readonly name: string
  readonly permissions: readonly Permission[]
  readonly password?: PasswordVerifier
  readonly createdAt: string
  /** Stays known after removal, so that a certificate that is still valid does not meet a new user of the same name. */
  readonly removedAt?: string
}

/** scrypt's parameters, salt and result (base64). */
export interface PasswordVerifier {
  readonly cost: number
  readonly salt: string
  readonly hash: string
}

/** A certificate rule, valid for certificates under its own anchor's key alone. */
export interface Rule {
  readonly id: string
  /** The anchor's certificate, then any intermediates below it; PEM. */
  readonly anchor: string
  /** SHA-256 of the anchor's SPKI. */
  readonly anchorKey: string
  /** All must match: field, pattern. */
  readonly match: readonly { readonly field: string; readonly pattern: string }[]
  /** A name, or `{tenant}`. */
  readonly tenant: string
  /** A name, or `{user}`. */
  readonly user: string
  /** Permissions of users that are not registered; without them such a user is refused. */
  readonly permissions?: readonly Permission[]
}

export interface SettingKinds {
  readonly tenant: Tenant
  readonly partition: PartitionDefinition
  readonly user: User
  readonly rule: Rule
}

export type SettingKind = keyof SettingKinds

/** All settings as they were at one generation. */
export interface SettingsView {
  /** The revision of the generation setting: a new one with each change. */
  readonly generation: Revision
  readonly tenants: ReadonlyMap<string, Entry<Tenant>>
  readonly partitions: ReadonlyMap<string, Entry<PartitionDefinition>>
  /** By `tenant/user`. */
  readonly users: ReadonlyMap<string, Entry<User>>
  readonly rules: ReadonlyMap<string, Entry<Rule>>
}

/** A setting, and the revision that a change of it guards. */
export interface Entry<T> {
  readonly value: T
  readonly revision: Revision
}

/** One setting to write. `value` undefined removes it. `revision` is what was relied on, 0 for "is not there". */
export type SettingChange = {
  readonly [K in SettingKind]: {
    readonly kind: K
    readonly id: string
    readonly value: SettingKinds[K] | undefined
    readonly revision: Revision
  }
}[SettingKind]

/** The settings in the ledger's system space, and the view of them in memory. */
export class Settings {
  readonly #ledger: Ledger
  readonly #replica: Replica
  readonly #space: Space
  #view: SettingsView | undefined
  #checkedAt: Revision = -1

  constructor(ledger: Ledger, replica: Replica, systemSpace: Space) {
    this.#ledger = ledger
    this.#replica = replica
    this.#space = systemSpace
  }

  /** As the replica shows them now: a comparison of revisions when nothing was committed, one read when something else was. */
  view(): SettingsView {
    const revision = this.#replica.revision()
    if (this.#view !== undefined && revision === this.#checkedAt) return this.#view
    const generation = this.#replica.read(this.#place(generationId))?.revision ?? 0
    if (this.#view === undefined || generation !== this.#view.generation) this.#view = this.#load(generation)
    this.#checkedAt = revision
    return this.#view
  }

  /** The view that holds everything answered so far, anywhere. */
  async current(): Promise<SettingsView> {
    await this.#ledger.barrier()
    return this.view()
  }

  /** Every change guards the generation, so that two administrators' changes are never made on the same view. */
  async commit(view: SettingsView, changes: readonly SettingChange[], guards: readonly Guard[] = []): Promise<'committed' | 'conflict'> {
    const generation = this.#place(generationId)
    const writes: Write[] = changes.map((change) => ({
      place: this.#place(`${change.kind}/${change.id}`),
      value: change.value === undefined ? undefined : encode(change.value),
    }))
    const result = await this.#ledger.commit({
      nonce: randomBytes(16),
      guards: [
        { place: generation, revision: view.generation },
        ...changes.map((change) => ({ place: this.#place(`${change.kind}/${change.id}`), revision: change.revision })),
        ...guards,
      ],
      writes: [{ place: generation, value: encode({}) }, ...writes],
    })
    if (result.outcome === 'unknown')
      throw new Error(`It is not known whether the change was made: ${result.why}. Look, then repeat it if it was not.`)
    return result.outcome
  }

  /** What a commit guards when it relies on a setting being as it is. */
  guard(kind: SettingKind, id: string, revision: Revision): Guard {
    return { place: this.#place(`${kind}/${id}`), revision }
  }

  #load(generation: Revision): SettingsView {
    const found = { tenant: new Map(), partition: new Map(), user: new Map(), rule: new Map() } as {
      readonly [K in SettingKind]: Map<string, Entry<SettingKinds[K]>>
    }
    for (const { id, stored } of this.#replica.list(this.#space, 'setting')) {
      const slash = id.indexOf('/')
      const kind = id.slice(0, Math.max(slash, 0))
      if (Object.hasOwn(found, kind)) {
        const entries = found[kind as SettingKind] as Map<string, Entry<unknown>>
        entries.set(id.slice(slash + 1), { value: decode(id, stored.value), revision: stored.revision })
      }
    }
    return { generation, tenants: found.tenant, partitions: found.partition, users: found.user, rules: found.rule }
  }

  #place(id: string) {
    return { space: this.#space, kind: 'setting', id } as const
  }
}

const generationId = 'generation'
const format = 1

function encode(value: object): Uint8Array {
  return Buffer.from(JSON.stringify({ format, ...value }))
}

function decode(id: string, bytes: Uint8Array): unknown {
  const { format: written, ...value } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { format: number }
  if (written !== format)
    throw new Error(`setting ${id} has format ${written}; this Tresor reads ${format}: start the version that wrote it, or a newer one`)
  return value
}
