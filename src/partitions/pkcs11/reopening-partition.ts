import { KmipError } from '../../../spec/kmip-error.ts'
import type { Partition, PartitionStreams } from '../partition.ts'
import { isLost, isOfModule } from './device-error.ts'
import { generationOf, initializeAgain } from './module.ts'
import { Pkcs11Partition, type Pkcs11PartitionOptions } from './pkcs11-partition.ts'
import { ReopeningStreams } from './reopening-streams.ts'

/** Told at each change: what is wrong, with the cure, or undefined once it is open. */
type Told = (problem: string | undefined) => void

/**
 * A partition that outlives its device's failures: when a session, the login, the token or the device is gone it is opened anew, sessions first,
 * then the whole module. Nothing that a request asks of a partition changes the token (but for resident keys, whose making replaces what a lost call
 * may have made of the same name), so a request that met the loss runs once again, and fails with General Failure only while the device cannot be
 * had. Requests share one attempt, and attempts keep a distance.
 */
export class ReopeningPartition implements Partition {
  #options: Pkcs11PartitionOptions
  readonly #told: Told
  readonly #now: () => number
  #current: Pkcs11Partition | undefined
  #opening: Promise<Pkcs11Partition> | undefined
  #problem: KmipError | undefined
  /** When the next attempt may be made, in milliseconds of `now`. */
  #next = 0
  #closed = false
  readonly kind = 'pkcs11'

  constructor(options: Pkcs11PartitionOptions, told: Told = () => {}, now: () => number = () => performance.now()) {
    this.#options = options
    this.#told = told
    this.#now = now
  }

  get name(): string {
    return this.#options.name
  }

  /** Why it is not open, with the cure; undefined while it is. */
  get problem(): string | undefined {
    return this.#current === undefined ? this.#problem?.message : undefined
  }

  /** Opens it, unless it is open. @throws KmipError GeneralFailure, saying what is missing. */
  async open(): Promise<void> {
    await this.#opened()
  }

  readonly describe: Partition['describe'] = () => this.#run((partition) => partition.describe())
  readonly generateKey: Partition['generateKey'] = (...values) => this.#run((partition) => partition.generateKey(...values))
  readonly generateKeyPair: Partition['generateKeyPair'] = (...values) => this.#run((partition) => partition.generateKeyPair(...values))
  readonly deriveKey: Partition['deriveKey'] = (...values) => this.#run((partition) => partition.deriveKey(...values))
  readonly generateResident: NonNullable<Partition['generateResident']> = (...values) =>
    this.#run((partition) => partition.generateResident(...values))
  readonly generateResidentPair: NonNullable<Partition['generateResidentPair']> = (...values) =>
    this.#run((partition) => partition.generateResidentPair(...values))
  readonly residents: NonNullable<Partition['residents']> = () => this.#run((partition) => partition.residents())
  readonly destroyResident: NonNullable<Partition['destroyResident']> = (...values) =>
    this.#run((partition) => partition.destroyResident(...values))
  readonly importKey: Partition['importKey'] = (...values) => this.#run((partition) => partition.importKey(...values))
  readonly reveal: Partition['reveal'] = (...values) => this.#run((partition) => partition.reveal(...values))
  readonly encrypt: Partition['encrypt'] = (...values) => this.#run((partition) => partition.encrypt(...values))
  readonly decrypt: Partition['decrypt'] = (...values) => this.#run((partition) => partition.decrypt(...values))
  readonly sign: Partition['sign'] = (...values) => this.#run((partition) => partition.sign(...values))
  readonly verify: Partition['verify'] = (...values) => this.#run((partition) => partition.verify(...values))
  readonly mac: Partition['mac'] = (...values) => this.#run((partition) => partition.mac(...values))
  readonly verifyMac: Partition['verifyMac'] = (...values) => this.#run((partition) => partition.verifyMac(...values))
  readonly wrapKey: Partition['wrapKey'] = (...values) => this.#run((partition) => partition.wrapKey(...values))
  readonly unwrapKey: Partition['unwrapKey'] = (...values) => this.#run((partition) => partition.unwrapKey(...values))
  readonly makeEpoch: NonNullable<Partition['makeEpoch']> = (epoch) => this.#run((partition) => partition.makeEpoch(epoch))
  readonly dropEarlierEpochs: NonNullable<Partition['dropEarlierEpochs']> = () => this.#run((partition) => partition.dropEarlierEpochs())
  readonly rewrap: Partition['rewrap'] = (key) => this.#run((partition) => partition.rewrap(key))
  readonly hash: Partition['hash'] = (...values) => this.#run((partition) => partition.hash(...values))
  readonly random: Partition['random'] = (...values) => this.#run((partition) => partition.random(...values))
  readonly digest: Partition['digest'] = (...values) => this.#run((partition) => partition.digest(...values))
  readonly sealRecord: Partition['sealRecord'] = (...values) => this.#run((partition) => partition.sealRecord(...values))
  readonly checkRecord: Partition['checkRecord'] = (...values) => this.#run((partition) => partition.checkRecord(...values))
  readonly streams: PartitionStreams = new ReopeningStreams({
    name: () => this.#options.name,
    begin: (action) => this.#run(async (partition) => ({ partition, opened: await action(partition.streams) })),
    isOpen: (partition) => this.#current === partition,
    lost: (partition, why) => this.#retire(partition, why),
  })

  /** Never goes back: who asks for an earlier epoch has not heard of the turn yet, and cannot commit what it makes. */
  async atEpoch(epoch: number): Promise<void> {
    if (epoch <= (this.#options.epoch ?? 0)) return
    if (this.#current !== undefined) await this.#run((partition) => partition.atEpoch(epoch))
    if (epoch > (this.#options.epoch ?? 0)) this.#options = { ...this.#options, epoch }
  }

  /** Whether it is what these options describe, or can be with `atEpoch`. */
  isOf(options: Pkcs11PartitionOptions): boolean {
    const same = (['name', 'module', 'parameters', 'token', 'serial', 'pinFile'] as const).every(
      (key) => options[key] === this.#options[key],
    )
    return same && (options.epoch ?? 0) >= (this.#options.epoch ?? 0)
  }

  forget(handle: string): void {
    this.#current?.forget(handle)
  }

  async close(): Promise<void> {
    this.#closed = true
    const open = this.#current ?? (await this.#opening?.catch(() => undefined))
    this.#current = undefined
    await open?.close()
  }

  async #run<T>(action: (partition: Pkcs11Partition) => Promise<T>): Promise<T> {
    const partition = this.#current ?? (await this.#opened())
    try {
      return await action(partition)
    } catch (error) {
      if (!isLost(error)) throw error
      this.#retire(partition, error as KmipError)
      return action(await this.#opened())
    }
  }

  #retire(partition: Pkcs11Partition, why: KmipError): void {
    if (this.#current !== partition) return
    this.#current = undefined
    this.#fail(why)
    // Calls that are under way in it end first; its sessions may be gone, and closing them must not fail.
    partition.close().catch(() => {})
  }

  #opened(): Promise<Pkcs11Partition> {
    if (this.#closed) return Promise.reject(new KmipError('GeneralFailure', `Partition ${this.#options.name} is closed.`))
    if (this.#current !== undefined) return Promise.resolve(this.#current)
    if (this.#opening !== undefined) return this.#opening
    if (this.#problem !== undefined && this.#now() < this.#next) return Promise.reject(this.#problem)
    this.#next = this.#now() + attemptDistance
    this.#opening = this.#attempt().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #attempt(): Promise<Pkcs11Partition> {
    const { module } = this.#options
    const generation = generationOf(module)
    try {
      this.#current = await Pkcs11Partition.open(this.#options).catch(async (error: unknown) => {
        // The module was open before this attempt, so it may hold on to what is gone.
        if (generation === 0 || !isOfModule(error)) throw error
        await initializeAgain(module, generation)
        return Pkcs11Partition.open(this.#options)
      })
      this.#problem = undefined
      this.#told(undefined)
      return this.#current
    } catch (error) {
      const { name } = this.#options
      throw this.#fail(
        error instanceof KmipError
          ? error
          : new KmipError('GeneralFailure', `Partition ${name} cannot be opened: ${String(error)}`, { cause: error }),
      )
    }
  }

  #fail(why: KmipError): KmipError {
    if (this.#problem?.message !== why.message) this.#told(why.message)
    this.#problem = why
    return why
  }
}

/** @throws KmipError GeneralFailure, saying what is missing: pkcs11js, the module, the token, the PIN, or its keys. */
export async function openPkcs11Partition(options: Pkcs11PartitionOptions): Promise<ReopeningPartition> {
  const partition = new ReopeningPartition(options)
  await partition.open()
  return partition
}

/** Milliseconds between two attempts to open a device. */
const attemptDistance = 1000
