import { randomBytes } from 'node:crypto'
import { residentName } from '../objects/index.ts'
import type { Partition } from '../partitions/partition.ts'
import { DamagedRecord, decodeRecord, splitSeal, systemSpace } from '../store/index.ts'
import type { Guard, Ledger, Replica, Space } from '../store/ledger.ts'
import type { TenantId } from './names.ts'
import { partitionOfNew, type Settings } from './settings.ts'
import type { RunOnce } from './turn-runner.ts'

export interface ResidentSweepOptions {
  readonly ledger: Ledger
  readonly replica: Replica
  readonly settings: Settings
  readonly spaceOf: (tenant: TenantId) => Space
  readonly open: (partition: string) => Promise<Partition>
  readonly runOnce: RunOnce
  readonly log: (message: string) => void
  /** Milliseconds between two sweeps; a minute unless told. */
  readonly interval?: number
  /** Milliseconds that a key without a record is watched before it is given up: its commit may be under way. Two minutes unless told. */
  readonly patience?: number
  /** Milliseconds between giving a key up and destroying it, by the clock; a day unless told. A store that was put back too old can be changed for a newer one. */
  readonly grace?: number
}

/** Where it is written that a resident key was found without a record and given up: no commit may name it any more. */
export function condemnedPlace(name: Uint8Array): Guard['place'] {
  return { space: systemSpace, kind: 'setting', id: `${folder}${Buffer.from(name).toString('hex')}` }
}

const folder = 'condemned/'

/**
 * Compares the resident keys in tokens with the records, on one node of a cluster at a time, and destroys those that no record names: whose
 * Destroy was stored and then cut short, at once; whose making was cut short, after a while. All of it is harmless when two nodes do it.
 */
export class ResidentSweep {
  readonly #options: Required<ResidentSweepOptions>
  readonly #timer: NodeJS.Timeout
  /** When a key was first seen without a record, by `performance.now()`. */
  readonly #seen = new Map<string, number>()
  #closing = false
  #running: Promise<void> = Promise.resolve()

  constructor(options: ResidentSweepOptions) {
    this.#options = { interval: 60_000, patience: 120_000, grace: 86_400_000, ...options }
    this.#timer = setInterval(() => {
      this.#running = this.#running.then(() => this.look())
    }, this.#options.interval)
    this.#timer.unref()
  }

  /** One sweep over all partitions, where it is this node's turn. Never fails: what it could not do is left for the next. */
  async look(): Promise<void> {
    const { settings, runOnce, log } = this.#options
    for (const [name, { value }] of settings.view().partitions) {
      if (this.#closing) return
      if (value.kind !== 'pkcs11') continue
      try {
        await runOnce(`resident-sweep-${name}`, (signal) => this.sweep(name, signal))
      } catch (error) {
        log(`the resident keys of partition ${name} were not looked through: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
  }

  /** @throws when the device or the ledger fails. */
  async sweep(name: string, signal?: AbortSignal): Promise<void> {
    const { ledger, open } = this.#options
    const partition = await open(name)
    const found = (await partition.residents?.()) ?? []
    // Listed before the barrier: a key whose record was stored by then is seen with it.
    await ledger.barrier()
    for (const key of found) {
      signal?.throwIfAborted()
      const record = await this.#recordOf(name, partition, key)
      if (record === 'destroyed') await this.#destroy(partition, key, 'its object is destroyed')
      else if (record === 'none') await this.#withoutRecord(name, partition, key)
      else await this.#withRecord(key)
    }
  }

  async close(): Promise<void> {
    this.#closing = true
    clearInterval(this.#timer)
    await this.#running
  }

  async #withRecord(key: Uint8Array): Promise<void> {
    this.#seen.delete(hex(key))
    // A newer store was put back after the key had been given up.
    if (this.#options.replica.read(condemnedPlace(key)) !== undefined) await this.#write(key, undefined)
  }

  async #withoutRecord(name: string, partition: Partition, key: Uint8Array): Promise<void> {
    const { ledger, replica, patience, grace, log } = this.#options
    const mark = replica.read(condemnedPlace(key))
    if (mark === undefined) {
      const since = this.#seen.get(hex(key)) ?? performance.now()
      this.#seen.set(hex(key), since)
      if (performance.now() - since < patience) return
      await this.#write(key, { since: Date.now() })
      log(`partition ${name} has a resident key ${hex(key)} that no object has: it is destroyed in ${Math.ceil(grace / 3_600_000)} h`)
    } else if (Date.now() - (JSON.parse(Buffer.from(mark.value).toString()) as { readonly since: number }).since < grace) return
    if (mark === undefined && grace > 0) return
    // No commit that began before the mark can be behind this barrier, and none after it succeeds.
    await ledger.barrier()
    if ((await this.#recordOf(name, partition, key)) !== 'none') return
    await this.#destroy(partition, key, 'no object has it')
    await this.#write(key, undefined)
  }

  async #destroy(partition: Partition, key: Uint8Array, why: string): Promise<void> {
    await partition.destroyResident?.(key)
    this.#seen.delete(hex(key))
    this.#options.log(`the resident key ${hex(key)} was destroyed in its token: ${why}`)
  }

  /** `damaged`: nothing is destroyed for what an altered record says. */
  async #recordOf(name: string, partition: Partition, key: Uint8Array): Promise<'living' | 'destroyed' | 'damaged' | 'none'> {
    const { settings, replica, spaceOf } = this.#options
    const id = uuid(key)
    for (const { value } of settings.view().tenants.values()) {
      if (partitionOfNew(value) !== name) continue
      const stored = replica.read({ space: spaceOf(value.id), kind: 'object', id })
      if (stored === undefined) continue
      return await stateOf(stored.value, partition)
    }
    return 'none'
  }

  async #write(key: Uint8Array, value: object | undefined): Promise<void> {
    const { ledger, replica } = this.#options
    const place = condemnedPlace(key)
    const revision = replica.read(place)?.revision ?? 0
    const written = value === undefined ? undefined : Buffer.from(JSON.stringify(value))
    const { outcome } = await ledger.commit({ nonce: randomBytes(16), guards: [{ place, revision }], writes: [{ place, value: written }] })
    if (outcome !== 'committed') throw new Error(`the mark of ${hex(key)} was not stored (${outcome}); the next sweep does it`)
  }
}

async function stateOf(value: Uint8Array, partition: Partition): Promise<'living' | 'destroyed' | 'damaged' | 'none'> {
  try {
    const { record, seal } = splitSeal(value)
    if (!(await partition.checkRecord(record, seal))) return 'damaged'
    const { key } = decodeRecord(record)
    return key === undefined ? 'destroyed' : residentName(key) !== undefined ? 'living' : 'none'
  } catch (error) {
    if (error instanceof DamagedRecord) return 'damaged'
    throw error
  }
}

function hex(key: Uint8Array): string {
  return Buffer.from(key).toString('hex')
}

/** A resident key is named after its object. */
function uuid(key: Uint8Array): string {
  return hex(key).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
