import { KmipError } from '../../spec/kmip-error.ts'
import type { StructureValue } from '../../spec/values.ts'
import type { KeyType, ManagedObject } from '../objects/index.ts'
import { isAuthenticated, isSymmetric } from '../partitions/cipher-parameters.ts'
import type { DeriveMechanism, KeyReference } from '../partitions/partition.ts'
import { mostIterations } from '../partitions/software/derive.ts'
import { cipherMechanism, hmacHash, ivLength, type Parameters } from './mechanisms.ts'

export { mostIterations }

type Method = StructureValue<'DerivationParameters'>

/** The objects that a key is derived from, in the order of the request. */
export interface DerivationObject {
  readonly object: ManagedObject
  readonly reference: KeyReference
}

/** What a request derives: from which key or value, and how. */
export interface AskedDerivation {
  readonly base: DerivationObject
  readonly mechanism: DeriveMechanism
}

/**
 * The derivation for Derive Key (KMIP 2.1 §7.12, §11.14). Where the data is not given it is the value of the second object; in a HASH of data alone
 * that object is the only one.
 * @throws KmipError InvalidMessage for what is missing, InvalidField, BadCryptographicParameters, UnsupportedCryptographicParameters.
 */
export function derivationOf(method: string, parameters: Method, objects: readonly DerivationObject[], own: Parameters): AskedDerivation {
  const [base, second, third] = objects
  if (base === undefined || third !== undefined)
    throw new KmipError('InvalidMessage', `Derive Key takes one object or two, not ${objects.length}.`)
  if (method === 'AsymmetricKey') return agreement(base, second, parameters)
  const cryptographic = parameters.cryptographicParameters ?? own
  const hash = cryptographic.hashingAlgorithm
  const type = base.reference.key.type
  const from = (mechanism: DeriveMechanism): AskedDerivation => ({ base, mechanism })
  switch (method) {
    case 'HASH': {
      if (hash === undefined) throw bad('HASH needs a Hashing Algorithm in its Cryptographic Parameters.')
      if (second !== undefined || parameters.derivationData.length > 0)
        throw new KmipError(
          'InvalidField',
          'HASH is of a key or of a value: give one object and no Derivation Data. To hash both, use HMAC.',
        )
      return from({ derive: 'HASH', hash })
    }
    case 'HMAC':
      return from({ derive: 'HMAC', hash: prfHash(type, hash), data: dataOf(parameters, second) })
    case 'PBKDF2': {
      const { salt, iterationCount: iterations } = parameters
      if (salt === undefined || iterations === undefined) throw missing('a Salt and an Iteration Count', method)
      if (iterations < 1 || iterations > mostIterations)
        throw new KmipError('InvalidField', `The Iteration Count is ${iterations}; it is 1 to ${mostIterations}.`)
      if (second !== undefined || parameters.derivationData.length > 0)
        throw new KmipError('InvalidField', 'PBKDF2 works on the one object that holds the password; give no Derivation Data beside it.')
      // PKCS #5, appendix A.2: HMAC-SHA-1 where no other is named.
      return from({ derive: 'PBKDF2', hash: hash ?? 'SHA_1', salt, iterations })
    }
    case 'HKDF':
      return from({ derive: 'HKDF', hash: hash ?? 'SHA_256', salt: parameters.salt ?? none, data: optionalData(parameters, second) })
    case 'NIST800_108_C':
    case 'NIST800_108_F':
    case 'NIST800_108_DPI': {
      const derive = keyBased[method]
      const iv = parameters.initializationVector ?? none
      return from({ derive, hash: prfHash(type, hash), data: dataOf(parameters, second), iv })
    }
    case 'ENCRYPT':
      return from({ derive: 'ENCRYPT', mechanism: encryption(type, cryptographic, parameters), data: dataOf(parameters, second) })
    default:
      throw new KmipError('UnsupportedCryptographicParameters', `The Derivation Method ${method} is not supported.`)
  }
}

const none = new Uint8Array()
const keyBased = { NIST800_108_C: 'SP800-108-C', NIST800_108_F: 'SP800-108-F', NIST800_108_DPI: 'SP800-108-DPI' } as const

/** A private and a public key, in any order. */
function agreement(
  one: DerivationObject,
  other: DerivationObject | undefined,
  { cryptographicParameters: asked }: Method,
): AskedDerivation {
  const named = asked?.cryptographicAlgorithm
  if (named !== undefined && named !== 'ECDH')
    throw new KmipError('UnsupportedCryptographicParameters', `Key agreement by ${named} is not supported. Use ECDH.`)
  const both = [one, ...(other === undefined ? [] : [other])]
  const base = both.find(({ reference }) => reference.key.kind === 'private')
  const peer = both.find(({ reference }) => reference.key.kind === 'public')
  if (base !== undefined && peer !== undefined) return { base, mechanism: { derive: 'ECDH', publicKey: peer.reference } }
  throw new KmipError(
    'InvalidObjectType',
    'The Derivation Method Asymmetric Key takes two objects, a Private Key and the other side’s Public Key.',
  )
}

/** The PRF of an HMAC key is its own; of another key the parameters name it. */
function prfHash(type: KeyType | undefined, named: Parameters['hashingAlgorithm']) {
  const hash = (type && hmacHash(type.algorithm)) ?? named
  if (hash !== undefined) return hash
  throw bad('The Cryptographic Parameters name no Hashing Algorithm, and the base object is no HMAC key.')
}

/** An IV that is not given is zeros: the standard calls it empty. */
function encryption(type: KeyType | undefined, cryptographic: Parameters, { initializationVector }: Method) {
  if (type === undefined || type.algorithm.startsWith('HMAC'))
    throw new KmipError('InvalidObjectType', 'ENCRYPT derives from a key that encrypts.')
  const iv = initializationVector ?? new Uint8Array(ivLength(type, cryptographic))
  const mechanism = cipherMechanism(type, cryptographic, iv, undefined)
  if (isSymmetric(mechanism) && !isAuthenticated(mechanism) && mechanism.cipher !== 'XTS') return mechanism
  throw new KmipError(
    'UnsupportedCryptographicParameters',
    `ENCRYPT does not derive with ${mechanism.cipher}: nothing says what becomes of its tag or padding. Use CBC, CTR, CFB, OFB or ECB.`,
  )
}

/** @throws KmipError InvalidField when it is given twice, InvalidMessage when it is not given. */
function dataOf(parameters: Method, second: DerivationObject | undefined): Uint8Array | KeyReference {
  if (second === undefined && parameters.derivationData.length === 0)
    throw missing('Derivation Data, or a second object whose value is that', 'this Derivation Method')
  return optionalData(parameters, second)
}

function optionalData({ derivationData }: Method, second: DerivationObject | undefined): Uint8Array | KeyReference {
  const [data = none, ...more] = derivationData
  if (more.length > 0) throw new KmipError('InvalidField', 'Derivation Data stands once.')
  if (second === undefined) return data
  if (derivationData.length > 0)
    throw new KmipError('InvalidField', 'There is Derivation Data, and a second object whose value would be that: give one of them.')
  if (second.object.objectType === 'SecretData') return second.reference
  throw new KmipError(
    'InvalidObjectType',
    `The second object gives the derivation data: it is Secret Data, not a ${second.object.objectType}.`,
  )
}

function missing(what: string, method: string): KmipError {
  return new KmipError('InvalidMessage', `${method} needs ${what}.`)
}

function bad(message: string): KmipError {
  return new KmipError('BadCryptographicParameters', message)
}
