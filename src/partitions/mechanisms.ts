import { KmipError } from '../../spec/kmip-error.ts'
import { curveAlgorithms, rowsThat } from './mechanism-table.ts'
import type {
  AlgorithmName,
  CipherMechanism,
  DeriveMechanism,
  KeyType,
  MacMechanism,
  MechanismName,
  SignMechanism,
  WrapMechanism,
} from './partition.ts'

/** What Create Key Pair may ask of a curve: KMIP 1.0 says ECDSA or ECDH, later versions EC. */
export function isCurveAlgorithm(algorithm: AlgorithmName): boolean {
  return curveAlgorithms.includes(algorithm)
}

/** What is made on Curve25519 and Curve448: keys that agree for ECDH (RFC 7748), keys that sign for the other names (RFC 8032). */
export function edwardsPair({ algorithm, curve }: KeyType): 'Ed25519' | 'Ed448' | 'X25519' | 'X448' | undefined {
  if (algorithm === 'Ed25519' || algorithm === 'Ed448') return algorithm
  if (!isCurveAlgorithm(algorithm)) return undefined
  if (curve === 'CURVE25519') return algorithm === 'ECDH' ? 'X25519' : 'Ed25519'
  if (curve === 'CURVE448') return algorithm === 'ECDH' ? 'X448' : 'Ed448'
  return undefined
}

const rsaBits = { least: 1024, most: 8192 }

/** @throws KmipError InvalidField for a length of an RSA modulus, in bits, that no partition makes. */
export function checkRsaLength(bits: number): void {
  if (bits >= rsaBits.least && bits <= rsaBits.most && bits % 8 === 0) return
  throw new KmipError('InvalidField', `An RSA key has ${rsaBits.least} to ${rsaBits.most} bits, a multiple of 8; not ${bits}.`)
}

/** `AES-GCM`, `DES3-CBC`, `ChaCha20`, `RSA-OAEP`; CFB with the bits of its segment, `AES-CFB128`. */
export function cipherName(algorithm: AlgorithmName, mechanism: CipherMechanism): MechanismName {
  const { cipher } = mechanism
  if (cipher.startsWith('RSA') || cipher.startsWith('ChaCha20')) return cipher
  return cipherNames.get(`${algorithm}-${cipher}`) ?? `${algorithm}-${cipher}`
}

const cipherNames: ReadonlyMap<string, MechanismName> = new Map(
  rowsThat('encrypt').flatMap(({ keys, cipher, name }) => keys.map((algorithm) => [`${algorithm}-${cipher}`, name])),
)

/** `RSA-PSS-SHA_256`, `ECDSA-SHA_384`, `EdDSA`. */
export function signName(mechanism: SignMechanism): MechanismName {
  return mechanism.scheme === 'EdDSA' ? 'EdDSA' : `${mechanism.scheme}-${mechanism.hash}`
}

/** `HMAC-SHA_256`, `CMAC`, `GMAC`; `DES3-CMAC`. */
export function macName(mechanism: MacMechanism, algorithm: AlgorithmName = 'AES'): MechanismName {
  if (mechanism.mac === 'HMAC') return `HMAC-${mechanism.hash}`
  return mechanism.mac === 'CMAC' && algorithm === 'DES3' ? 'DES3-CMAC' : mechanism.mac
}

/** `WRAP-AES-KEY-WRAP`, `WRAP-AES-GCM`, `WRAP-RSA-OAEP`. */
export function wrapName(algorithm: AlgorithmName, mechanism: WrapMechanism): MechanismName {
  return `WRAP-${'wrap' in mechanism ? mechanism.wrap : cipherName(algorithm, mechanism)}`
}

/** `DERIVE-HASH-SHA_256`, `DERIVE-ENCRYPT-AES-CBC`, `DERIVE-PBKDF2`, `DERIVE-ECDH`. */
export function deriveName(algorithm: AlgorithmName, mechanism: DeriveMechanism): MechanismName {
  if (mechanism.derive === 'HASH') return `DERIVE-HASH-${mechanism.hash}`
  return `DERIVE-${mechanism.derive}${mechanism.derive === 'ENCRYPT' ? `-${cipherName(algorithm, mechanism.mechanism)}` : ''}`
}

/** `GENERATE-AES`, `GENERATE-EC-P_256`, `GENERATE-X25519`; `GENERATE-AES-512` for the two keys of XTS-AES-256. */
export function generateName(type: KeyType): MechanismName {
  if (type.algorithm === 'AES' && type.length === 512) return 'GENERATE-AES-512'
  const edwards = edwardsPair(type)
  if (edwards !== undefined) return `GENERATE-${edwards}`
  return type.curve === undefined ? `GENERATE-${type.algorithm}` : `GENERATE-EC-${type.curve}`
}

/** What a partition makes as resident keys alone: `GENERATE-RESIDENT-Ed25519`. */
export function residentOnlyName(generate: MechanismName): MechanismName {
  return generate.replace('GENERATE-', 'GENERATE-RESIDENT-')
}

/** Refuses what a partition lacks, naming it and the way to see what there is. */
export function lacks(partition: string, mechanism: MechanismName, why?: string, cause?: unknown): KmipError {
  const because = why === undefined ? '' : `: ${why}`
  return new KmipError(
    'UnsupportedCryptographicParameters',
    `Partition ${partition} has no mechanism ${mechanism}${because}. Its mechanisms: tresor partition show ${partition}.`,
    { cause },
  )
}
