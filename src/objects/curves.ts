import type { CurveName } from './wrapped-key.ts'

export interface Curve {
  /** OpenSSL's name. */
  readonly node: string
  readonly bits: number
  /** The DER of the curve's object identifier, CKA_EC_PARAMS, in hexadecimal. */
  readonly oid: string
}

const certicom = (node: string, bits: number, arc: number): Curve => ({
  node,
  bits,
  oid: `06052b810400${arc.toString(16).padStart(2, '0')}`,
})
const ansi = (node: string, bits: number, arc: number): Curve => ({
  node,
  bits,
  oid: `06082a8648ce3d0301${arc.toString(16).padStart(2, '0')}`,
})
const brainpool = (node: string, bits: number, arc: number): Curve => ({
  node,
  bits,
  oid: `06092b24030302080101${arc.toString(16).padStart(2, '0')}`,
})

/** The curves of the standard that libraries and devices still offer, for ECDSA and ECDH. */
export const curves: Partial<Record<CurveName, Curve>> = {
  P_192: ansi('prime192v1', 192, 1),
  P_224: certicom('secp224r1', 224, 33),
  P_256: ansi('prime256v1', 256, 7),
  P_384: certicom('secp384r1', 384, 34),
  P_521: certicom('secp521r1', 521, 35),
  K_163: certicom('sect163k1', 163, 1),
  B_163: certicom('sect163r2', 163, 15),
  K_233: certicom('sect233k1', 233, 26),
  B_233: certicom('sect233r1', 233, 27),
  K_283: certicom('sect283k1', 283, 16),
  B_283: certicom('sect283r1', 283, 17),
  K_409: certicom('sect409k1', 409, 36),
  B_409: certicom('sect409r1', 409, 37),
  K_571: certicom('sect571k1', 571, 38),
  B_571: certicom('sect571r1', 571, 39),
  SECP160K1: certicom('secp160k1', 160, 9),
  SECP160R1: certicom('secp160r1', 160, 8),
  SECP160R2: certicom('secp160r2', 160, 30),
  SECP192K1: certicom('secp192k1', 192, 31),
  SECP224K1: certicom('secp224k1', 224, 32),
  SECP256K1: certicom('secp256k1', 256, 10),
  BRAINPOOLP160R1: brainpool('brainpoolP160r1', 160, 1),
  BRAINPOOLP160T1: brainpool('brainpoolP160t1', 160, 2),
  BRAINPOOLP192R1: brainpool('brainpoolP192r1', 192, 3),
  BRAINPOOLP192T1: brainpool('brainpoolP192t1', 192, 4),
  BRAINPOOLP224R1: brainpool('brainpoolP224r1', 224, 5),
  BRAINPOOLP224T1: brainpool('brainpoolP224t1', 224, 6),
  BRAINPOOLP256R1: brainpool('brainpoolP256r1', 256, 7),
  BRAINPOOLP256T1: brainpool('brainpoolP256t1', 256, 8),
  BRAINPOOLP320R1: brainpool('brainpoolP320r1', 320, 9),
  BRAINPOOLP320T1: brainpool('brainpoolP320t1', 320, 10),
  BRAINPOOLP384R1: brainpool('brainpoolP384r1', 384, 11),
  BRAINPOOLP384T1: brainpool('brainpoolP384t1', 384, 12),
  BRAINPOOLP512R1: brainpool('brainpoolP512r1', 512, 13),
  BRAINPOOLP512T1: brainpool('brainpoolP512t1', 512, 14),
}
