import type { KeyObject } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import type { AlgorithmName, CurveName, KeyType } from '../wrapped-key.ts'
import { type EdwardsName, edwards } from './edwards.ts'
import { curveNameOf, curveOf } from './elliptic.ts'
import type { ClaimedType } from './plain-value.ts'

/** What clients call a key on an elliptic curve: EC since 1.2, by its use before. */
const curveAlgorithms: readonly AlgorithmName[] = ['EC', 'ECDSA', 'ECDH', 'ECMQV']

interface EdwardsType {
  readonly algorithms: readonly AlgorithmName[]
  readonly curve: CurveName
  readonly bits: number
}

const edwardsTypes: Readonly<Record<EdwardsName, EdwardsType>> = {
  x25519: { algorithms: ['ECDH', 'EC'], curve: 'CURVE25519', bits: 256 },
  x448: { algorithms: ['ECDH', 'EC'], curve: 'CURVE448', bits: 448 },
  ed25519: { algorithms: ['Ed25519', 'EC', 'ECDSA'], curve: 'CURVE25519', bits: 256 },
  ed448: { algorithms: ['Ed448', 'EC', 'ECDSA'], curve: 'CURVE448', bits: 448 },
}

export function isEdwards(key: KeyObject): boolean {
  return (key.asymmetricKeyType ?? '') in edwards
}

/**
 * The type of a private or public key, read off the key and held against what the request says of it. The algorithm keeps the name that
 * the client gave it, where that is one of the key's names.
 * @returns undefined for a key of an algorithm that is only kept (DSA, DH).
 * @throws KmipError InvalidField when algorithm or length are not the key's.
 */
export function asymmetricType(key: KeyObject, claimed: ClaimedType): KeyType | undefined {
  const name = key.asymmetricKeyType
  if (name === 'rsa' || name === 'rsa-pss') {
    const length = key.asymmetricKeyDetails?.modulusLength ?? 0
    return { algorithm: agreed(claimed, ['RSA']), length: agreedLength(claimed, length) }
  }
  if (name === 'ec') {
    const curve = curveNameOf(key)
    return { algorithm: agreed(claimed, curveAlgorithms), length: agreedLength(claimed, curveOf(curve).bits), curve }
  }
  if (name !== undefined && name in edwardsTypes) {
    const { algorithms, curve, bits } = edwardsTypes[name as EdwardsName]
    // Clients count the bits of these keys in several ways (255, 256; 448, 456): theirs stands.
    return { algorithm: agreed(claimed, algorithms), length: claimed.length ?? bits, curve }
  }
  return undefined
}

function agreed({ algorithm }: ClaimedType, names: readonly AlgorithmName[]): AlgorithmName {
  if (algorithm === undefined) return names[0]!
  if (names.includes(algorithm)) return algorithm
  throw new KmipError('InvalidField', `The Cryptographic Algorithm says ${algorithm}, but the key is of ${names.join(' or ')}.`)
}

function agreedLength({ length }: ClaimedType, bits: number): number {
  if (length === undefined || length === bits) return bits
  throw new KmipError('InvalidField', `The Cryptographic Length says ${length} bits, but the key has ${bits}.`)
}
