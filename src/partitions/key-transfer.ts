import { randomBytes } from 'node:crypto'
import type { CipherMechanism, KeyPolicy, KeyReference, KeyType, Partition, WrappedKey } from './partition.ts'

const open: KeyPolicy = { sensitive: false, extractable: true }
const transportType: KeyType = { algorithm: 'AES', length: 256 }
/** What every token that can take part has. */
const oaep: CipherMechanism = { cipher: 'RSA-OAEP', hash: 'SHA_1', maskHash: 'SHA_1', label: new Uint8Array(0) }

/**
 * Takes keys from a software partition into another partition, wrapped on their way: the target makes an RSA pair, the source a transport key
 * which it wraps under the public half, and each key travels under that. Public keys and data, which a token keeps as data, travel as values.
 * Both live as long as this object does, and are stored nowhere.
 */
export class KeyTransfer {
  readonly #source: Partition
  readonly #target: Partition
  #transport: Promise<{ readonly there: KeyReference; readonly here: KeyReference }> | undefined

  constructor(source: Partition, target: Partition) {
    this.#source = source
    this.#target = target
  }

  /** @throws KmipError UnsupportedCryptographicParameters, InvalidField for a key that the target cannot keep; CryptographicFailure for one that does not open. */
  async bring(key: WrappedKey): Promise<WrappedKey> {
    const { kind, type, policy } = key
    if (this.#source.handOver === undefined) throw new Error('the partition gives no keys to another one')
    this.#transport ??= this.#setUp()
    this.#transport.catch(() => {
      this.#transport = undefined
    })
    const { there, here } = await this.#transport
    const given = await this.#source.handOver(key, there)
    if ('value' in given) return await this.#target.importKey(given, policy)
    return await this.#target.unwrapKey(given.wrapped, here, { wrap: 'AES-KEY-WRAP-PAD' }, kind, type, policy)
  }

  async #setUp(): Promise<{ readonly there: KeyReference; readonly here: KeyReference }> {
    const source = this.#source
    const target = this.#target
    const refer = (key: WrappedKey): KeyReference => ({ handle: `transfer/${randomBytes(16).toString('hex')}`, key })
    const pair = await target.generateKeyPair({ algorithm: 'RSA', length: 3072 }, open)
    const spki = await target.reveal(refer(pair.publicKey))
    const there = refer(await source.generateKey(transportType, open))
    const wrapped = await source.wrapKey(there, refer(await source.importKey(spki, open)), oaep)
    return { there, here: refer(await target.unwrapKey(wrapped, refer(pair.privateKey), oaep, 'secret', transportType, open)) }
  }
}
