import { createHash, createSign, createVerify, timingSafeEqual } from 'node:crypto'
import { demanded } from '../in-parts.ts'
import { lacks, macName } from '../mechanisms.ts'
import type { MacMechanism, SignMechanism } from '../partition.ts'
import { algorithmOf, type HeldKey } from './held-key.ts'
import { hmac } from './macs.ts'
import { falseWhenBroken, hashedSignature, isOfWholeLength, tooShort } from './signatures.ts'
import type { SoftwareStream } from './software-stream.ts'

/** A hash in parts, by OpenSSL's name. */
export function hashStream(hash: string): SoftwareStream {
  return digesting(createHash(hash), (whole) => ({ data: whole.digest() }))
}

/** An HMAC in parts. @throws KmipError UnsupportedCryptographicParameters for other MACs. */
export function macStream(partition: string, held: HeldKey, mechanism: MacMechanism): SoftwareStream {
  return digesting(hmacOf(partition, held, mechanism), (whole) => ({ data: whole.digest() }))
}

export function verifyMacStream(partition: string, held: HeldKey, mechanism: MacMechanism): SoftwareStream {
  return digesting(hmacOf(partition, held, mechanism), (whole, expected) => {
    const mac = whole.digest()
    const given = demanded('MAC', expected)
    return { data: nothing, valid: mac.length === given.length && timingSafeEqual(mac, given) }
  })
}

/** A signature over the hash of all parts. @throws KmipError UnsupportedCryptographicParameters for EdDSA, InvalidField for digested data. */
export function signStream(partition: string, held: HeldKey, mechanism: SignMechanism): SoftwareStream {
  const { hash, key } = hashedSignature(partition, held, mechanism, 'private')
  return digesting(createSign(hash), (whole) => ({ data: tooShort(() => whole.sign(key)) }))
}

export function verifyStream(partition: string, held: HeldKey, mechanisms: readonly SignMechanism[]): SoftwareStream {
  const ways = mechanisms.map((mechanism) => {
    const { hash, key } = hashedSignature(partition, held, mechanism, 'public')
    return { whole: createVerify(hash), key, mechanism }
  })
  const all = {
    update: (data: Uint8Array) => {
      for (const { whole } of ways) whole.update(data)
    },
  }
  return digesting(all, (_whole, expected) => {
    const signature = demanded('signature', expected)
    return {
      data: nothing,
      valid: ways.some(
        ({ whole, key, mechanism }) =>
          isOfWholeLength(key.key, mechanism, signature) && falseWhenBroken(() => whole.verify(key, signature)),
      ),
    }
  })
}

/** What takes all parts and gives nothing before the last. */
function digesting<T extends { update(data: Uint8Array): unknown }>(
  whole: T,
  finish: (whole: T, expected: Uint8Array | undefined) => ReturnType<SoftwareStream['end']>,
): SoftwareStream {
  return {
    holdsBack: false,
    update(data) {
      whole.update(data)
      return nothing
    },
    end(data, expected) {
      whole.update(data)
      return finish(whole, expected)
    },
  }
}

function hmacOf(partition: string, held: HeldKey, mechanism: MacMechanism) {
  if (mechanism.mac === 'HMAC') return hmac(partition, held, mechanism.hash)
  throw lacks(partition, `${macName(mechanism, algorithmOf(held))} in parts`, 'node:crypto has HMAC alone so')
}

const nothing = new Uint8Array()
