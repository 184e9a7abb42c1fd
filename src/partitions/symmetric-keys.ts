import { KmipError } from '../../spec/kmip-error.ts'
import { generateName, lacks } from './mechanisms.ts'
import type { KeyType } from './partition.ts'
import { symmetricKeys } from './symmetric-lengths.ts'

/** The length in bytes. @throws KmipError UnsupportedCryptographicParameters, InvalidField. */
export function secretKeySize(partition: string, type: KeyType): number {
  const rule = symmetricKeys[type.algorithm]
  if (rule === undefined) throw lacks(partition, generateName(type))
  if (rule.lengths === 'any whole number of bytes') {
    if (type.length >= minHmacBits && type.length <= maxHmacBits && type.length % 8 === 0) return type.length / 8
    throw new KmipError(
      'InvalidField',
      `A key of ${type.algorithm} has ${minHmacBits} to ${maxHmacBits} bits, a multiple of 8; not ${type.length}.`,
    )
  }
  const size = rule.lengths[type.length]
  if (size !== undefined) return size
  throw new KmipError('InvalidField', `A key of ${type.algorithm} has ${Object.keys(rule.lengths).join(', ')} bits, not ${type.length}.`)
}

const minHmacBits = 8
const maxHmacBits = 8192

/** A key of an algorithm that is not generated here is kept as it came; no mechanism will take it. */
export function checkSecretLength(partition: string, type: KeyType | undefined, size: number): void {
  if (type === undefined || symmetricKeys[type.algorithm] === undefined) return
  const expected = secretKeySize(partition, type)
  if (expected !== size)
    throw new KmipError('InvalidField', `A key of ${type.algorithm} with ${type.length} bits has ${expected} bytes; ${size} were given.`)
}
