import { KmipError } from '../../spec/kmip-error.ts'
import type { SymmetricMechanism } from './cipher-parameters.ts'
import { cipherName, lacks } from './mechanisms.ts'
import type { AlgorithmName, CipherMechanism, SignMechanism } from './partition.ts'

/** Why some ciphers do not work in parts. */
const wholeOnly: Partial<Record<CipherMechanism['cipher'], string>> = {
  CCM: 'it begins with the length of all data (SP 800-38C)',
  XTS: 'it works on one data unit (SP 800-38E)',
}

/** @throws KmipError UnsupportedCryptographicParameters for a cipher that works on whole messages only: RSA, CCM, XTS. */
export function checkCipherInParts(
  partition: string,
  algorithm: AlgorithmName,
  mechanism: CipherMechanism,
): asserts mechanism is SymmetricMechanism {
  if (mechanism.cipher === 'RSA-OAEP' || mechanism.cipher === 'RSA-PKCS1' || mechanism.cipher === 'RSA-RAW')
    throw lacks(partition, `${mechanism.cipher} in parts`, 'RSA works on one block')
  const whole = wholeOnly[mechanism.cipher]
  if (whole !== undefined) throw lacks(partition, `${cipherName(algorithm, mechanism)} in parts`, `${whole}. ${sendWhole}`)
}

export type HashedSignature = Exclude<SignMechanism, { scheme: 'EdDSA' }>

/** @throws KmipError UnsupportedCryptographicParameters for EdDSA; InvalidField for a digest, which is no data. */
export function checkSignatureInParts(partition: string, mechanism: SignMechanism): asserts mechanism is HashedSignature {
  if (mechanism.scheme === 'EdDSA') throw lacks(partition, 'EdDSA in parts', `it goes through its data twice (RFC 8032). ${sendWhole}`)
  if (mechanism.digested) throw new KmipError('InvalidField', 'A digest is signed and verified whole, not in parts.')
}

/** The signature or MAC that a stream is to verify, at its end. @throws KmipError InvalidField. */
export function demanded(what: 'MAC' | 'signature', expected: Uint8Array | undefined): Uint8Array {
  if (expected !== undefined) return expected
  throw new KmipError('InvalidField', `There is nothing to verify: the ${what} was given neither with the first nor with the last part.`)
}

/** @throws KmipError InvalidCorrelationValue. */
export function noSuchStream(partition: string): KmipError {
  return new KmipError('InvalidCorrelationValue', `Partition ${partition} has no such stream any more. Begin anew.`)
}

export const sendWhole = 'Send all of the data in one request'
