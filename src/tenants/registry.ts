import { setTimeout as sleep } from 'node:timers/promises'
import type { Secret } from '../objects/secret.ts'
import type { Ledger, Replica, Space } from '../store/ledger.ts'
import { certificateFields } from './certificate.ts'
import { compile, livingTenant, livingUser } from './identity.ts'
import { partitionName, type TenantId, tenantId, userName } from './names.ts'
import { makeVerifier } from './passwords.ts'
import { pattern } from './patterns.ts'
import { permissionsOf } from './permissions.ts'
import {
  type EpochTurn,
  type PartitionDefinition,
  type Rule,
  type SettingChange,
  Settings,
  type SettingsView,
  type Tenant,
  type TenantPolicy,
  type User,
} from './settings.ts'
import { readAnchor } from './trust.ts'

/** What the registry needs from the composition root. */
export interface RegistryParts {
  readonly ledger: Ledger
  readonly replica: Replica
  /** The ledger's system space. */
  readonly systemSpace: Space
  /** A tenant's own space. */
  readonly spaceOf: (tenant: TenantId) => Space
  readonly now: () => Date
}

export interface RuleRequest {
  readonly id: string
  /** PEM: the CA's certificate, then any intermediates. */
  readonly anchor: string
  readonly match: readonly { readonly field: string; readonly pattern: string }[]
  readonly tenant: string
  readonly user: string
  /** The role of users whom nobody enrolled; without it they are refused. */
  readonly role?: string
}

/** Tenants, partitions, users and rules: each change is one commit, guarded by all it relied on. Errors say what to do instead. */
export class Registry {
  readonly settings: Settings
  readonly #parts: RegistryParts
  /** The latest change of this process: the next one waits for it. */
  #latest: Promise<unknown> = Promise.resolve()

  constructor(parts: RegistryParts) {
    this.#parts = parts
    this.settings = new Settings(parts.ledger, parts.replica, parts.systemSpace)
  }

  async addTenant(name: string, partition: string, policy: Partial<TenantPolicy> = {}): Promise<Tenant> {
    const id = tenantId(name)
    return await this.#change((view) => {
      const before = view.tenants.get(id)
      if (before?.value.removedAt !== undefined) {
        throw new Error(
          `tenant ${id} was removed on ${before.value.removedAt}; certificates of its clients may still be valid, so choose another name`,
        )
      }
      if (before !== undefined) throw new Error(`tenant ${id} exists already`)
      const place = view.partitions.get(partition)
      if (place === undefined) throw new Error(`partition ${partition} does not exist; ${existing('partitions', view.partitions.keys())}`)
      const tenant: Tenant = { id, partition, createdAt: this.#time(), policy: { ...defaultPolicy, ...policy } }
      return { changes: [{ kind: 'tenant', id, value: tenant, revision: 0 }], result: tenant }
    })
  }

  /** Refuses while any object, destroyed ones included, lies in the tenant's space. Its users go with it. */
  async removeTenant(name: string): Promise<void> {
    await this.#change((view) => {
      const tenant = view.tenants.get(requireTenant(view, name).id)!
      for (const { id } of this.#parts.replica.list(this.#parts.spaceOf(tenant.value.id), 'object')) {
        throw new Error(
          `tenant ${name} has objects (${id} is one), and what lies in a tenant's space, destroyed objects included, is not removed; destroy its keys and dismiss its users instead`,
        )
      }
      const removedAt = this.#time()
      const users = [...view.users].filter(([, { value }]) => value.tenant === tenant.value.id && value.removedAt === undefined)
      const changes: SettingChange[] = [
        { kind: 'tenant', id: tenant.value.id, value: { ...tenant.value, removedAt }, revision: tenant.revision },
        ...users.map(([id, { value, revision }]) => ({
          kind: 'user' as const,
          id,
          value: withoutPassword({ ...value, removedAt }),
          revision,
        })),
      ]
      return { changes, result: undefined }
    })
  }

  async listTenants(): Promise<readonly Tenant[]> {
    const view = await this.settings.current()
    return [...view.tenants.values()].map(({ value }) => value).filter((tenant) => tenant.removedAt === undefined)
  }

  async showTenant(name: string): Promise<{ readonly tenant: Tenant; readonly users: readonly Omit<User, 'password'>[] }> {
    const view = await this.settings.current()
    const tenant = requireTenant(view, name)
    const users = [...view.users.values()]
      .map(({ value }) => value)
      .filter((user) => user.tenant === tenant.id && user.removedAt === undefined)
    return { tenant, users: users.map(withoutPassword) }
  }

  /**
   * Changes parts of a tenant's policy. With a shorter freshness it resolves when the longer one has run out on every node: a request that
   * was let in by it may rely on a barrier from before the change.
   */
  async setPolicy(name: string, policy: Partial<TenantPolicy>): Promise<Tenant> {
    const { tenant, before } = await this.#change((view) => {
      const { value, revision } = view.tenants.get(requireTenant(view, name).id)!
      const tenant = { ...value, policy: { ...value.policy, ...policy } }
      return { changes: [{ kind: 'tenant', id: value.id, value: tenant, revision }], result: { tenant, before: value.policy } }
    })
    if (tenant.policy.freshness < before.freshness) await sleep(before.freshness * clockDrift)
    return tenant
  }

  /** Registers a user, or gives one that is registered another role. */
  async enroll(tenantName: string, name: string, role?: string): Promise<Omit<User, 'password'>> {
    const permissions = permissionsOf(role)
    return await this.#change((view) => {
      const tenant = requireTenant(view, tenantName)
      const id = `${tenant.id}/${userName(name)}`
      const before = view.users.get(id)
      if (before?.value.removedAt !== undefined) {
        throw new Error(
          `user ${name} of tenant ${tenant.id} was removed on ${before.value.removedAt}; its certificate may still be valid, so choose another name`,
        )
      }
      const user: User =
        before === undefined
          ? { tenant: tenant.id, name, permissions, createdAt: this.#time() }
          : { ...before.value, permissions: role === undefined ? before.value.permissions : permissions }
      return { changes: [{ kind: 'user', id, value: user, revision: before?.revision ?? 0 }], result: withoutPassword(user) }
    })
  }

  async removeUser(tenantName: string, name: string): Promise<void> {
    await this.#change((view) => {
      const user = requireUser(view, tenantName, name)
      const { id, revision } = user
      return {
        changes: [{ kind: 'user', id, value: withoutPassword({ ...user.value, removedAt: this.#time() }), revision }],
        result: undefined,
      }
    })
  }

  /** The KMIP password of a registered user; the plain bytes are wiped. */
  async setPassword(tenantName: string, name: string, password: Secret): Promise<void> {
    try {
      const verifier = await makeVerifier(password)
      await this.#change((view) => {
        const { id, value, revision } = requireUser(view, tenantName, name)
        return { changes: [{ kind: 'user', id, value: { ...value, password: verifier }, revision }], result: undefined }
      })
    } finally {
      password.wipe()
    }
  }

  async addRule(request: RuleRequest): Promise<Rule> {
    const rule = makeRule(request)
    return await this.#change((view) => {
      if (view.rules.has(rule.id)) throw new Error(`rule ${rule.id} exists already; remove it first, or choose another name`)
      if (rule.tenant !== '{tenant}') requireTenant(view, rule.tenant)
      return { changes: [{ kind: 'rule', id: rule.id, value: rule, revision: 0 }], result: rule }
    })
  }

  async listRules(): Promise<readonly Rule[]> {
    return [...(await this.settings.current()).rules.values()].map(({ value }) => value)
  }

  async removeRule(id: string): Promise<void> {
    await this.#change((view) => {
      const rule = view.rules.get(id)
      if (rule === undefined) throw new Error(`rule ${id} does not exist; ${existing('rules', view.rules.keys())}`)
      return { changes: [{ kind: 'rule', id, value: undefined, revision: rule.revision }], result: undefined }
    })
  }

  async addPartition(definition: PartitionDefinition): Promise<void> {
    partitionName(definition.name)
    await this.#change((view) => {
      if (view.partitions.has(definition.name)) throw new Error(`partition ${definition.name} exists already`)
      const same = [...view.partitions.values()].find(({ value }) => isOfOneToken(value, definition))?.value
      if (same !== undefined)
        throw new Error(
          `the token is partition ${same.name}'s already. Two partitions would have one key-encryption key, which an epoch turn of the one destroys under the other's keys: tenants may share a partition, or take another token`,
        )
      return { changes: [{ kind: 'partition', id: definition.name, value: definition, revision: 0 }], result: undefined }
    })
  }

  async listPartitions(): Promise<readonly PartitionDefinition[]> {
    return [...(await this.settings.current()).partitions.values()].map(({ value }) => value)
  }

  /** Refuses while a tenant lives in it. */
  async removePartition(name: string): Promise<void> {
    await this.#change((view) => {
      const partition = view.partitions.get(name)
      if (partition === undefined) throw new Error(`partition ${name} does not exist; ${existing('partitions', view.partitions.keys())}`)
      const tenant = [...view.tenants.values()].find(
        ({ value }) => (value.partition === name || value.moving?.to === name) && value.removedAt === undefined,
      )
      if (tenant !== undefined) throw new Error(`partition ${name} holds the keys of tenant ${tenant.value.id}; remove that tenant first`)
      return { changes: [{ kind: 'partition', id: name, value: undefined, revision: partition.revision }], result: undefined }
    })
  }

  /**
   * Begins to turn a partition to its next epoch, or finds that it was begun; a `TurnRunner` does the rest.
   * @param current the epoch that its device is at
   */
  async beginTurn(name: string, current: number): Promise<EpochTurn> {
    return await this.#change((view) => {
      const partition = view.partitions.get(name)
      if (partition === undefined) throw new Error(`partition ${name} does not exist; ${existing('partitions', view.partitions.keys())}`)
      const { value, revision } = partition
      if (value.turn !== undefined) return { changes: [], result: value.turn }
      const mover = [...view.tenants.values()].find(
        ({ value: tenant }) => tenant.moving !== undefined && [tenant.partition, tenant.moving.to].includes(name),
      )
      if (mover !== undefined) throw new Error(`tenant ${mover.value.id} is being moved from or to partition ${name}; wait for its end`)
      const epoch = value.epoch ?? current
      const turn: EpochTurn = { phase: 'making', to: epoch + 1, startedAt: this.#time() }
      return { changes: [{ kind: 'partition', id: name, value: { ...value, epoch, turn }, revision }], result: turn }
    })
  }

  /** Begins to move a tenant from its software partition to a token, or finds that it was begun. */
  async beginMove(name: string, to: string): Promise<void> {
    await this.#change((view) => {
      const { value: tenant, revision } = view.tenants.get(requireTenant(view, name).id)!
      if (tenant.moving?.to === to || tenant.partition === to) return { changes: [], result: undefined }
      if (tenant.moving !== undefined) throw new Error(`tenant ${name} is being moved to partition ${tenant.moving.to}; wait for its end`)
      const [source, target] = [tenant.partition, to].map((one) => view.partitions.get(one)?.value)
      if (target === undefined) throw new Error(`partition ${to} does not exist; ${existing('partitions', view.partitions.keys())}`)
      if (source?.kind !== 'software' || target.kind !== 'pkcs11')
        throw new Error(
          `tenant ${name} is in partition ${tenant.partition} (${source?.kind}); keys are moved from a software partition to a token only`,
        )
      const turning = [source, target].find(({ turn }) => turn !== undefined)
      if (turning !== undefined)
        throw new Error(
          `the epoch of partition ${turning.name} is being turned; wait for its end: tresor partition turn-epoch ${turning.name}`,
        )
      const value = { ...tenant, moving: { to, startedAt: this.#time() } }
      return { changes: [{ kind: 'tenant', id: tenant.id, value, revision }], result: undefined }
    })
  }

  /** Makes a change on the newest view, one after the other: of many at once, the unluckiest would lose to all others in turn. */
  #change<T>(plan: Plan<T>): Promise<T> {
    const change = this.#latest.then(() => this.#commit(plan))
    this.#latest = change.catch(() => undefined)
    return change
  }

  /** Begins anew when a change of another process came between. */
  async #commit<T>(plan: Plan<T>): Promise<T> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const view = await this.settings.current()
      const { changes, result } = plan(view)
      if (changes.length === 0) return result
      if ((await this.settings.commit(view, changes)) === 'committed') return result
    }
    throw new Error('others kept changing the settings meanwhile; try again')
  }

  #time(): string {
    return this.#parts.now().toISOString()
  }
}

/** As far as definitions say it: two tokens of one module may have the same label, with serial numbers of their own. */
function isOfOneToken(one: PartitionDefinition, other: PartitionDefinition): boolean {
  if (one.kind !== 'pkcs11' || other.kind !== 'pkcs11') return false
  // What NSS calls its token, and the number, are the same for every database: its parameters tell.
  if (one.token !== other.token || one.parameters !== other.parameters) return false
  if (one.serial !== undefined && other.serial !== undefined) return one.serial === other.serial
  return one.module === other.module
}

/** What to change, given what is there. */
type Plan<T> = (view: SettingsView) => { readonly changes: readonly SettingChange[]; readonly result: T }

const attempts = 10
/** Two nodes' clocks measure the same time with less difference than this. */
const clockDrift = 1.01
const defaultPolicy: TenantPolicy = { freshness: 0, defaultExtractable: true, defaultSensitive: false }

function makeRule({ id, anchor, match, tenant, user, role }: RuleRequest): Rule {
  userName(id)
  const { key } = readAnchor(`rule ${id}`, anchor, false)
  if (match.length === 0) throw new Error(`rule ${id}: give at least one match, as FIELD=PATTERN`)
  const bound = new Set<string>()
  for (const { field, pattern: text } of match) {
    if (!(certificateFields as readonly string[]).includes(field))
      throw new Error(`rule ${id}: ${field} is not one of ${certificateFields.join(', ')}`)
    pattern(text)
    for (const [, name] of text.matchAll(/\{(\w+)\}/g)) bound.add(name!)
  }
  for (const [what, value, check] of [
    ['tenant', tenant, tenantId],
    ['user', user, userName],
  ] as const) {
    if (value !== `{${what}}`) check(value)
    else if (!bound.has(what)) throw new Error(`rule ${id}: the ${what} is {${what}}, but no pattern has that placeholder`)
  }
  const rule = { id, anchor, anchorKey: key, match, tenant, user, ...(role === undefined ? {} : { permissions: permissionsOf(role) }) }
  compile(rule)
  return rule
}

function requireTenant(view: SettingsView, name: string): Tenant {
  const tenant = livingTenant(view, name)
  if (tenant !== undefined) return tenant
  const names = [...view.tenants.values()].filter(({ value }) => value.removedAt === undefined).map(({ value }) => value.id)
  throw new Error(`tenant ${name} does not exist; ${existing('tenants', names)}`)
}

function requireUser(
  view: SettingsView,
  tenantName: string,
  name: string,
): { readonly id: string; readonly value: User; readonly revision: number } {
  const tenant = requireTenant(view, tenantName)
  const id = `${tenant.id}/${name}`
  const value = livingUser(view, tenant.id, name)
  if (value === undefined)
    throw new Error(`user ${name} of tenant ${tenant.id} does not exist; run: tresor tenant enroll ${tenant.id} ${name}`)
  return { id, value, revision: view.users.get(id)!.revision }
}

function existing(what: string, names: Iterable<string>): string {
  const list = [...names]
  return list.length === 0
    ? `there are no ${what} yet`
    : `the ${what} are: ${list.slice(0, 20).join(', ')}${list.length > 20 ? ', ...' : ''}`
}

function withoutPassword({ password: _, ...user }: User): Omit<User, 'password'> {
  return user
}
