import { checkTag } from '../authentication-tag.ts'
import { isAuthenticated } from '../cipher-parameters.ts'
import { checkCipherInParts, checkSignatureInParts, demanded, type HashedSignature, sendWhole } from '../in-parts.ts'
import { lacks, macName, signName } from '../mechanisms.ts'
import type { CipherMechanism, HashName, KeyReference, MacMechanism, Partition, SignMechanism, StreamOperation } from '../partition.ts'
import { cipherParts, openingParts } from './cipher-parts.ts'
import { ckr } from './constants.ts'
import type { Handle, Mechanism } from './cryptoki.ts'
import { codeOf } from './device-session.ts'
import { type DeviceOperation, DeviceStream } from './device-stream.ts'
import { digestParts, fitsMac } from './digest-parts.ts'
import type { LentObject } from './held-objects.ts'
import type { KeyUse } from './lent-keys.ts'
import { numbersOf } from './mechanisms.ts'
import type { Token } from './token.ts'
import { nothing, type TokenStream } from './token-stream.ts'
import type { StreamMaker } from './token-streams.ts'

/** What a stream is begun with: the partition's own operations in one part, and what they are made of. */
export interface StreamGround extends Pick<Partition, 'decrypt' | 'sign' | 'verify'> {
  readonly token: Token
  /** @throws KmipError UnsupportedCryptographicParameters when the token does not offer it. */
  offered(name: string): string
  /** @throws KmipError UnsupportedCryptographicParameters, InvalidField, as for so much data. */
  cipher(
    key: KeyReference,
    mechanism: CipherMechanism,
    data: { readonly length: number },
  ): { readonly name: string; readonly mechanism: Mechanism }
  mac(name: string): Mechanism
  lend(key: KeyReference, use: KeyUse, name: string): Promise<LentObject>
}

/** Begins operations in parts. What a module does on whole messages only is found out by a trial, once, and refused by name. */
export class StreamBeginner implements StreamMaker {
  readonly #ground: StreamGround
  readonly #trials = new Map<string, Promise<boolean>>()

  constructor(ground: StreamGround) {
    this.#ground = ground
  }

  async begin(key: KeyReference, operation: StreamOperation): Promise<TokenStream> {
    switch (operation.operation) {
      case 'encrypt':
        return this.#cipher(key, operation.mechanism, 'encrypt')
      case 'decrypt':
        return isAuthenticated(operation.mechanism)
          ? this.#opening(key, operation.mechanism, operation.tag)
          : this.#cipher(key, operation.mechanism, 'decrypt')
      case 'sign':
        return this.#signing(key, operation.mechanism)
      case 'verify':
        return this.#verifying(key, operation.mechanisms)
      case 'mac':
        return digestParts(await this.#mac(key, operation.mechanism))
      case 'verifyMac':
        return digestParts(await this.#mac(key, operation.mechanism), fitsMac)
    }
  }

  async beginHash(hash: HashName): Promise<TokenStream> {
    return digestParts(await this.#hash(this.#ground.offered(`HASH-${hash}`), hash))
  }

  async #cipher(key: KeyReference, mechanism: CipherMechanism, kind: 'encrypt' | 'decrypt'): Promise<TokenStream> {
    const { token, cipher, lend } = this.#ground
    const algorithm = key.key.type?.algorithm ?? 'AES'
    checkCipherInParts(token.name, algorithm, mechanism)
    const { name, mechanism: native } = cipher(key, mechanism, nothing)
    const stream = await this.#device({ doing: this.#doing(name), kind, mechanism: native }, await lend(key, kind, name))
    const check = (length: number) => void cipher(key, mechanism, { length })
    return cipherParts({ stream, mechanism, block: algorithm === 'AES' ? 16 : 8, check })
  }

  async #opening(key: KeyReference, mechanism: CipherMechanism, tag: Uint8Array | undefined): Promise<TokenStream> {
    const { token, cipher, lend, decrypt } = this.#ground
    checkCipherInParts(token.name, key.key.type?.algorithm ?? 'AES', mechanism)
    if (isAuthenticated(mechanism)) checkTag(mechanism, tag)
    const { name } = cipher(key, mechanism, nothing)
    // Whether the key can be had, and is one for this.
    const lent = await lend(key, 'decrypt', name)
    lent.release()
    return openingParts((sealed) => decrypt(key, mechanism, sealed.data, sealed.tag), tag!)
  }

  /** All signatures are over a digest, and that is what is made in parts. */
  async #signing(key: KeyReference, mechanism: SignMechanism): Promise<TokenStream> {
    const { token, offered, lend, sign } = this.#ground
    checkSignatureInParts(token.name, mechanism)
    const name = offered(signName(mechanism))
    const stream = await this.#hash(name, mechanism.hash, await lend(key, 'sign', name))
    return digestParts(stream, async (digest) => ({ data: await sign(key, ofDigest(mechanism), digest) }))
  }

  async #verifying(key: KeyReference, mechanisms: readonly SignMechanism[]): Promise<TokenStream> {
    const { token, offered, lend, verify } = this.#ground
    const ways = mechanisms.map((mechanism) => {
      checkSignatureInParts(token.name, mechanism)
      return { mechanism, name: offered(signName(mechanism)) }
    })
    const [{ name, mechanism }] = ways as [(typeof ways)[number]]
    const stream = await this.#hash(name, mechanism.hash, await lend(key, 'verify', name))
    return digestParts(stream, async (digest, expected) => {
      const signature = demanded('signature', expected)
      for (const way of ways) if (await verify(key, ofDigest(way.mechanism), digest, signature)) return { data: nothing, valid: true }
      return { data: nothing, valid: false }
    })
  }

  async #mac(key: KeyReference, mechanism: MacMechanism): Promise<DeviceStream> {
    const { token, offered, lend, mac: nativeMac } = this.#ground
    const name = offered(macName(mechanism, key.key.type?.algorithm))
    if (mechanism.mac === 'GMAC') throw lacks(token.name, 'GMAC in parts', `its data is what a token is told at the start. ${sendWhole}`)
    const operation = { doing: this.#doing(name), kind: 'sign', mechanism: nativeMac(name) } as const
    return this.#device(operation, await lend(key, mechanism.mac === 'HMAC' ? 'hmac' : 'cmac', name))
  }

  #hash(name: string, hash: HashName, key?: LentObject): Promise<DeviceStream> {
    return this.#device({ doing: this.#doing(name), kind: 'digest', mechanism: { mechanism: numbersOf(hash)!.digest } }, key)
  }

  async #device(operation: DeviceOperation, key: LentObject | undefined): Promise<DeviceStream> {
    const { token } = this.#ground
    try {
      if (!(await this.#works(operation, key?.object)))
        throw lacks(token.name, `${operation.doing.mechanism} in parts`, `its module does it on whole messages only. ${sendWhole}`)
    } catch (error) {
      key?.release()
      throw error
    }
    return DeviceStream.begin(token, operation, key)
  }

  #works(operation: DeviceOperation, object: Handle | undefined): Promise<boolean> {
    const name = `${operation.kind} ${operation.mechanism.mechanism}`
    const known = this.#trials.get(name)
    if (known !== undefined) return known
    const trial = tryParts(this.#ground.token, operation, object)
    this.#trials.set(name, trial)
    trial.catch(() => this.#trials.delete(name))
    return trial
  }

  #doing(mechanism: string) {
    return { partition: this.#ground.token.name, mechanism }
  }
}

/** One block, whose result nobody sees. */
async function tryParts(token: Token, operation: DeviceOperation, object: Handle | undefined): Promise<boolean> {
  const stream = await DeviceStream.begin(token, operation, object && { object, release: () => {} })
  try {
    await stream.update(Buffer.alloc(block), 2 * block)
    return true
  } catch (error) {
    if (!(error instanceof Error) || !wholeOnly.has(codeOf(error.cause) ?? ckr.OK)) throw error
    return false
  } finally {
    await stream.close()
  }
}

/** What modules say to a second call of an operation that they do in one. */
const wholeOnly: ReadonlySet<number> = new Set([ckr.OPERATION_NOT_INITIALIZED, ckr.FUNCTION_NOT_SUPPORTED])
const block = 16

function ofDigest(mechanism: SignMechanism): HashedSignature {
  return { ...(mechanism as HashedSignature), digested: true }
}
