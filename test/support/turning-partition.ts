import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KmipError } from '../../spec/kmip-error.ts'
import { destroy, type KeyType, type ManagedObject, newObject, Secret, type WrappedKey } from '../../src/objects/index.ts'
import { keyReference, ObjectStore } from '../../src/operations/object-store.ts'
import {
  addEpoch,
  createPkcs11Partition,
  createSoftwarePartition,
  dropEpochs,
  epochSecretId,
  newEpochSecret,
  openPkcs11Partition,
  openSoftwarePartition,
  type Partition,
  ringSecrets,
} from '../../src/partitions/index.ts'
import { ObjectCache } from '../../src/server/object-cache.ts'
import { Records } from '../../src/server/object-records.ts'
import { type EmbeddedLedger, formatOf, type LocalReplica, openEmbeddedLedger, systemSpace, tenantSpace } from '../../src/store/index.ts'
import {
  OpenPartitions,
  type PartitionDefinition,
  type PartitionOpener,
  Registry,
  type TurnDevice,
  type TurnParts,
  TurnProgressStore,
} from '../../src/tenants/index.ts'
import type { TokenPlace } from './tokens.ts'

/** One kind of partition, as far as a turn goes: how it is made, opened and turned. */
export interface TurningKind {
  readonly define: (name: string) => Promise<PartitionDefinition>
  readonly open: PartitionOpener
  readonly device: (open: (name: string) => Promise<Partition>) => TurnDevice
  /** The pairs that it keeps. */
  readonly pairs: readonly KeyType[]
}

export const rsaPair: KeyType = { algorithm: 'RSA', length: 2048 }
const ecPair: KeyType = { algorithm: 'EC', length: 256, curve: 'P_256' }

/** Software partitions whose epoch secrets lie in a map, by their names, as they would in files. */
export function softwareKind(secrets: Map<string, Secret> = new Map(), rootSecret = new Secret(randomBytes(32))): TurningKind {
  const optionsOf = (definition: PartitionDefinition) => {
    if (definition.kind !== 'software') throw new Error('not a software partition')
    const { name, ring } = definition
    const epochSecretOf = (_epoch: number, id: string) => secrets.get(`${name} ${id}`)
    return { name, rootSecret, ring: Buffer.from(ring, 'base64'), epochSecretOf }
  }
  const withSecret = (name: string) => {
    const secret = newEpochSecret()
    secrets.set(`${name} ${epochSecretId(secret)}`, secret)
    return secret
  }
  const text = (ring: Uint8Array) => Buffer.from(ring).toString('base64')
  return {
    define: async (name) => ({
      kind: 'software',
      name,
      ring: text(createSoftwarePartition({ name, rootSecret, epochSecret: withSecret(name) }).ring),
    }),
    open: async (definition, before) => openSoftwarePartition(optionsOf(definition), before),
    device: () => ({
      make: async (definition, to) =>
        ({ ...definition, ring: text(addEpoch(optionsOf(definition), to, withSecret(definition.name))) }) as PartitionDefinition,
      drop: async (definition) => ({ ...definition, ring: text(dropEpochs(optionsOf(definition))) }) as PartitionDefinition,
      destroy: async (definition) => {
        const needed = [...ringSecrets(optionsOf(definition).ring, definition.name).values()].map((id) => `${definition.name} ${id}`)
        const mine = [...secrets.keys()].filter((key) => key.startsWith(`${definition.name} `))
        for (const key of mine) if (!needed.includes(key)) secrets.delete(key)
      },
    }),
    pairs: [rsaPair, ecPair],
  }
}

/** `tokenOf`: makes a token, or names one that was made for this. */
export function tokenKind(tokenOf: (label: string) => TokenPlace, pairs: TurningKind['pairs'] = [rsaPair, ecPair]): TurningKind {
  const placed = (definition: PartitionDefinition) => {
    if (definition.kind !== 'pkcs11') throw new Error('not a token')
    const { name, module, parameters, token, pinFile, epoch } = definition
    return {
      name,
      module,
      token,
      pinFile,
      ...(parameters === undefined ? {} : { parameters }),
      ...(epoch === undefined ? {} : { epoch }),
    }
  }
  return {
    define: async (name) => {
      const place = tokenOf(name)
      await createPkcs11Partition({ name, ...place })
      return { kind: 'pkcs11', name, ...place }
    },
    open: async (definition, before) => {
      if (before === undefined) return await openPkcs11Partition(placed(definition))
      if (definition.epoch !== undefined) await before.atEpoch?.(definition.epoch)
      return before
    },
    device: (open) => ({
      make: async (definition, to) => {
        await (await open(definition.name)).makeEpoch?.(to)
        return definition
      },
      drop: async (definition) => definition,
      destroy: async ({ name }) => await (await open(name)).dropEarlierEpochs?.(),
    }),
    pairs,
  }
}

/** A tenant in one such partition, over an embedded ledger of its own, with requests that go as the server's do. */
export class TurningTenant {
  readonly directory: string
  readonly partitions: OpenPartitions
  readonly parts: TurnParts
  readonly registry: Registry
  readonly ledger: EmbeddedLedger
  readonly replica: LocalReplica
  readonly #pairs: readonly KeyType[]
  readonly #cache = new ObjectCache()

  private constructor(kind: TurningKind, directory: string) {
    this.directory = directory
    this.#pairs = kind.pairs
    const { ledger, replica } = openEmbeddedLedger({ directory })
    this.ledger = ledger
    this.replica = replica
    this.registry = new Registry({ ledger, replica, systemSpace, spaceOf: tenantSpace, now: () => new Date() })
    const { settings } = this.registry
    this.partitions = new OpenPartitions(settings, kind.open, tenantSpace)
    const open = (name: string) => this.partitions.open(name)
    const progress = new TurnProgressStore(ledger, replica, systemSpace)
    const device = kind.device(open)
    this.parts = { ledger, replica, settings, spaceOf: tenantSpace, progress, device, maker: randomUUID(), open, share: 1, log: () => {} }
  }

  static async make(kind: TurningKind, name: string): Promise<TurningTenant> {
    const tenant = TurningTenant.reopen(kind, mkdtempSync(join(tmpdir(), 'tresor-turn-')))
    await tenant.registry.addPartition(await kind.define(name))
    await tenant.registry.addTenant(name, name)
    return tenant
  }

  /** Over a store that is there already: a copy, or what a node left that was killed. */
  static reopen(kind: TurningKind, directory: string): TurningTenant {
    return new TurningTenant(kind, directory)
  }

  get name(): string {
    return [...this.registry.settings.view().tenants.keys()][0]!
  }

  /** One request: run again when it conflicts, and a few times when its view has passed. */
  async request<T>(action: (objects: ObjectStore, partition: Partition) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      await this.ledger.barrier()
      const identity = { tenant: this.name } as Parameters<OpenPartitions['contextOf']>[0]
      const { guard, wrapping, space, partition: opened } = this.partitions.contextOf(identity)
      const partition = await opened()
      const { replica } = this
      const format = formatOf(this.ledger)
      const records = new Records({ tenant: this.name, space, guard, wrapping, partition, replica, cache: this.#cache, format })
      try {
        const result = await action(new ObjectStore(records, Date.now()), partition)
        const changes = await records.changes()
        if (changes === undefined || (await this.ledger.commit(changes)).outcome === 'committed') return result
      } catch (error) {
        if (!(error instanceof KmipError && error.retry === 'newer-view') || attempt === 4) throw error
      }
    }
  }

  /** An AES key, or data of some bytes. */
  create(dataLength?: number): Promise<string> {
    return this.request(async (objects, partition) => {
      const key =
        dataLength === undefined
          ? await partition.generateKey({ algorithm: 'AES', length: 256 }, policy)
          : await partition.importKey({ kind: 'data', type: undefined, value: new Secret(Buffer.alloc(dataLength, 7)) }, policy)
      return keep(objects, key)
    })
  }

  /** One of each sort of key that lies in a record. */
  createEach(): Promise<readonly string[]> {
    return this.request(async (objects, partition) => {
      const types: readonly KeyType[] = [
        { algorithm: 'AES', length: 128 },
        { algorithm: 'HMAC_SHA1', length: 160 },
        { algorithm: 'DES3', length: 192 },
      ]
      const secrets = await Promise.all(types.map((type) => partition.generateKey(type, policy)))
      const odd = await partition.importKey(
        { kind: 'secret', type: { algorithm: 'HMAC_SHA256', length: 264 }, value: new Secret(Buffer.alloc(33, 9)) },
        policy,
      )
      const pairs = await Promise.all(this.#pairs.map((type) => partition.generateKeyPair(type, policy)))
      return [...secrets, odd, ...pairs.flatMap(({ privateKey, publicKey }) => [privateKey, publicKey])].map((key) => keep(objects, key))
    })
  }

  destroy(id: string): Promise<void> {
    return this.request(async (objects) => {
      const object = await objects.open(id)
      destroy(object, Math.floor(Date.now() / 1000))
      await objects.save(object)
    })
  }

  object(id: string): Promise<ManagedObject> {
    return this.request((objects) => objects.open(id))
  }

  /** The value, in hexadecimal. */
  reveal(id: string): Promise<string> {
    return this.request(async (objects, partition) => {
      const { value } = await partition.reveal(keyReference(await objects.openLiving(id)))
      return Buffer.from(value.expose()).toString('hex')
    })
  }

  async close(): Promise<void> {
    await this.partitions.close()
    await this.ledger.close()
  }

  async remove(): Promise<void> {
    await this.close()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

const policy = { sensitive: false, extractable: true }

function keep(objects: ObjectStore, key: WrappedKey): string {
  const object = newObject({
    uniqueIdentifier: randomUUID(),
    objectType: objectTypes[key.kind],
    now: Math.floor(Date.now() / 1000),
    given: [],
    form: { keyFormatType: 'Raw' },
    key,
    digests: [],
    protectionStorageMask: 1,
    policy,
  })
  objects.create(object)
  return object.uniqueIdentifier
}

const objectTypes = { secret: 'SymmetricKey', private: 'PrivateKey', public: 'PublicKey', data: 'OpaqueObject' } as const
