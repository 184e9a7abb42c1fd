import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import type { KeyMaterial, TransparentKeyMaterial } from '../../../spec/values.ts'
import { fromBigInteger, toBigInteger } from './big-integer.ts'
import { integer, sequence, toDer } from './der.ts'
import { formatNotSupported, type KeyFormat } from './plain-value.ts'

type PrivateMaterial = Extract<TransparentKeyMaterial, { format: 'TransparentRSAPrivateKey' }>
type PublicMaterial = Extract<TransparentKeyMaterial, { format: 'TransparentRSAPublicKey' }>

/** An RSA private key in one of PKCS_1, PKCS_8, TransparentRSAPrivateKey. @throws KmipError KeyFormatTypeNotSupported. */
export function rsaPrivateMaterial(key: KeyObject, format: KeyFormat): KeyMaterial {
  if (format === 'PKCS_8') return key.export({ format: 'der', type: 'pkcs8' })
  if (format === 'PKCS_1' && key.asymmetricKeyType === 'rsa') return key.export({ format: 'der', type: 'pkcs1' })
  if (format !== 'TransparentRSAPrivateKey' || key.asymmetricKeyType !== 'rsa')
    throw formatNotSupported('An RSA private key', format, 'PKCS_1, PKCS_8 and TransparentRSAPrivateKey')
  const jwk = key.export({ format: 'jwk' })
  return {
    format,
    modulus: fromBase64(jwk.n),
    privateExponent: fromBase64(jwk.d),
    publicExponent: fromBase64(jwk.e),
    p: fromBase64(jwk.p),
    q: fromBase64(jwk.q),
    primeExponentP: fromBase64(jwk.dp),
    primeExponentQ: fromBase64(jwk.dq),
    crtCoefficient: fromBase64(jwk.qi),
  }
}

/** An RSA public key in one of PKCS_1, X_509, TransparentRSAPublicKey. @throws KmipError KeyFormatTypeNotSupported. */
export function rsaPublicMaterial(key: KeyObject, format: KeyFormat): KeyMaterial {
  if (format === 'X_509') return key.export({ format: 'der', type: 'spki' })
  if (format === 'PKCS_1' && key.asymmetricKeyType === 'rsa') return key.export({ format: 'der', type: 'pkcs1' })
  if (format !== 'TransparentRSAPublicKey' || key.asymmetricKeyType !== 'rsa')
    throw formatNotSupported('An RSA public key', format, 'PKCS_1, X_509 and TransparentRSAPublicKey')
  const jwk = key.export({ format: 'jwk' })
  return { format, modulus: fromBase64(jwk.n), publicExponent: fromBase64(jwk.e) }
}

/**
 * The key of a Transparent RSA Private Key (KMIP 2.1 §3.7). Besides the modulus it needs both primes and one exponent; what else
 * is missing follows from these. A modulus is not factored here.
 */
export function rsaPrivateKey(material: PrivateMaterial): KeyObject {
  const { p, q } = material
  if (p === undefined || q === undefined) {
    throw new KmipError(
      'KeyFormatTypeNotSupported',
      'A Transparent RSA Private Key is taken with its primes P and Q; they are not computed from the exponents. Register it as PKCS_1 or PKCS_8, or with P and Q.',
    )
  }
  const first = number('P', p)
  const second = number('Q', q)
  if (first < 3n || second < 3n) throw new KmipError('InvalidField', 'P and Q of a Transparent RSA Private Key are primes.')
  const carmichael = ((first - 1n) * (second - 1n)) / gcd(first - 1n, second - 1n)
  const given = {
    private: optional('Private Exponent', material.privateExponent),
    public: optional('Public Exponent', material.publicExponent),
  }
  const privateExponent = given.private ?? inverse(given.public ?? missingExponent(), carmichael)
  const publicExponent = given.public ?? inverse(privateExponent, carmichael)
  const values = [
    0n,
    number('Modulus', material.modulus),
    publicExponent,
    privateExponent,
    first,
    second,
    optional('Prime Exponent P', material.primeExponentP) ?? privateExponent % (first - 1n),
    optional('Prime Exponent Q', material.primeExponentQ) ?? privateExponent % (second - 1n),
    optional('CRT Coefficient', material.crtCoefficient) ?? inverse(second, first),
  ]
  const key = Buffer.from(toDer(sequence(...values.map((value) => integer(magnitude(value))))))
  if (first * second !== number('Modulus', material.modulus))
    throw new KmipError('InvalidField', 'The Modulus of the RSA private key is not the product of P and Q.')
  return createPrivateKey({ key, format: 'der', type: 'pkcs1' })
}

export function rsaPublicKey(material: PublicMaterial): KeyObject {
  const values = [number('Modulus', material.modulus), number('Public Exponent', material.publicExponent)]
  const key = Buffer.from(toDer(sequence(...values.map((value) => integer(magnitude(value))))))
  return createPublicKey({ key, format: 'der', type: 'pkcs1' })
}

function missingExponent(): never {
  throw new KmipError('InvalidField', 'A Transparent RSA Private Key has a Private Exponent or a Public Exponent; both are missing.')
}

function optional(name: string, bytes: Uint8Array | undefined): bigint | undefined {
  return bytes === undefined ? undefined : number(name, bytes)
}

/** Checks a length first: arithmetic with numbers of any size would hold up the loop. */
function number(name: string, bytes: Uint8Array): bigint {
  const digits = fromBigInteger(bytes)
  if (digits === undefined || digits.length === 0) throw new KmipError('InvalidField', `${name} of an RSA key is a number above 0.`)
  if (digits.length > longestModulus)
    throw new KmipError('InvalidField', `${name} of the RSA key has ${digits.length} bytes; ${longestModulus} are the most.`)
  return BigInt(`0x${Buffer.from(digits).toString('hex')}`)
}

/** 16,384 bits, OpenSSL's own limit, in bytes. */
const longestModulus = 2048

function magnitude(value: bigint): Uint8Array {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

function fromBase64(text: string | undefined): Uint8Array {
  return toBigInteger(Buffer.from(text ?? '', 'base64url'))
}

function gcd(left: bigint, right: bigint): bigint {
  let [a, b] = [left, right]
  while (b !== 0n) [a, b] = [b, a % b]
  return a
}

/** The inverse of a value modulo another (extended Euclid). */
function inverse(value: bigint, modulus: bigint): bigint {
  let [r0, r1] = [modulus, value % modulus]
  let [t0, t1] = [0n, 1n]
  while (r1 !== 0n) {
    const quotient = r0 / r1
    ;[r0, r1] = [r1, r0 - quotient * r1]
    ;[t0, t1] = [t1, t0 - quotient * t1]
  }
  if (r0 !== 1n) throw new KmipError('InvalidField', 'The exponents of the RSA private key do not go with its primes.')
  return t0 < 0n ? t0 + modulus : t0
}
