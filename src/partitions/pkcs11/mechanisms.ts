import { curves } from '../curves.ts'
import { hashes } from '../hashes.ts'
import type { AlgorithmName, HashName, KeyType, MechanismName } from '../partition.ts'
import { ckf, ckk, ckm, hashNumbers } from './constants.ts'

/** A mechanism that a token may have: its number, and what the token must be able to do with it. */
interface Row {
  readonly name: MechanismName
  readonly number: number
  readonly flag: number
}

const wrapRows: Row[] = [
  { name: 'WRAP-AES-KEY-WRAP', number: ckm.AES_KEY_WRAP, flag: ckf.WRAP },
  { name: 'WRAP-AES-KEY-WRAP-PAD', number: ckm.AES_KEY_WRAP_PAD, flag: ckf.WRAP },
  { name: 'WRAP-AES-KEY-WRAP-PAD', number: ckm.AES_KEY_WRAP_KWP, flag: ckf.WRAP },
  { name: 'WRAP-RSA-OAEP', number: ckm.RSA_PKCS_OAEP, flag: ckf.WRAP },
  { name: 'WRAP-RSA-PKCS1', number: ckm.RSA_PKCS, flag: ckf.WRAP },
]

const rows: readonly Row[] = [
  ...wrapRows,
  { name: 'AES-ECB', number: ckm.AES_ECB, flag: ckf.ENCRYPT },
  { name: 'AES-CBC', number: ckm.AES_CBC, flag: ckf.ENCRYPT },
  { name: 'AES-CTR', number: ckm.AES_CTR, flag: ckf.ENCRYPT },
  { name: 'AES-GCM', number: ckm.AES_GCM, flag: ckf.ENCRYPT },
  // GMAC is GCM with nothing encrypted, and its tag.
  { name: 'GMAC', number: ckm.AES_GCM, flag: ckf.ENCRYPT },
  { name: 'DES3-ECB', number: ckm.DES3_ECB, flag: ckf.ENCRYPT },
  { name: 'DES3-CBC', number: ckm.DES3_CBC, flag: ckf.ENCRYPT },
  { name: 'RSA-OAEP', number: ckm.RSA_PKCS_OAEP, flag: ckf.ENCRYPT },
  { name: 'RSA-PKCS1', number: ckm.RSA_PKCS, flag: ckf.ENCRYPT },
  { name: 'RSA-RAW', number: ckm.RSA_X_509, flag: ckf.ENCRYPT },
  { name: 'RSA-PSS', number: ckm.RSA_PKCS_PSS, flag: ckf.SIGN },
  { name: 'ECDSA', number: ckm.ECDSA, flag: ckf.SIGN },
  { name: 'CMAC', number: ckm.AES_CMAC, flag: ckf.SIGN },
  { name: 'GENERATE-AES', number: ckm.AES_KEY_GEN, flag: ckf.GENERATE },
  { name: 'GENERATE-DES3', number: ckm.DES3_KEY_GEN, flag: ckf.GENERATE },
  { name: 'GENERATE-RSA', number: ckm.RSA_PKCS_KEY_PAIR_GEN, flag: ckf.GENERATE_KEY_PAIR },
]

/** What a token offers, from its list: name by name, in the words of `partition.ts`. */
export function namesOf(flagsOf: (mechanism: number) => number | undefined): Set<MechanismName> {
  const has = (number: number, flag: number) => ((flagsOf(number) ?? 0) & flag) !== 0
  const names = new Set(rows.filter(({ number, flag }) => has(number, flag)).map(({ name }) => name))
  for (const hash of Object.keys(hashNumbers) as (keyof typeof hashNumbers)[]) {
    const { digest, hmac } = hashNumbers[hash]
    if (has(hmac, ckf.SIGN)) names.add('HMAC').add(`HMAC-${hash}`)
    if (!has(digest, ckf.DIGEST)) continue
    names.add(`HASH-${hash}`)
    // The token hashes, then signs the digest: it needs no mechanism that does both.
    if (has(ckm.RSA_PKCS, ckf.SIGN)) names.add(`RSA-PKCS1-${hash}`)
    if (has(ckm.RSA_PKCS_PSS, ckf.SIGN) && hashNumbers[hash].mgf !== undefined) names.add(`RSA-PSS-${hash}`)
    if (has(ckm.ECDSA, ckf.SIGN)) names.add(`ECDSA-${hash}`)
  }
  if (has(ckm.GENERIC_SECRET_KEY_GEN, ckf.GENERATE)) for (const algorithm of genericAlgorithms) names.add(`GENERATE-${algorithm}`)
  if (has(ckm.EC_KEY_PAIR_GEN, ckf.GENERATE_KEY_PAIR)) for (const curve of Object.keys(curves)) names.add(`GENERATE-EC-${curve}`)
  return names
}

const genericAlgorithms: readonly AlgorithmName[] = [
  'HMAC_MD5',
  'HMAC_SHA1',
  'HMAC_SHA224',
  'HMAC_SHA256',
  'HMAC_SHA384',
  'HMAC_SHA512',
  'HMAC_SHA3_224',
  'HMAC_SHA3_256',
  'HMAC_SHA3_384',
  'HMAC_SHA3_512',
]

/** CKA_KEY_TYPE of a secret key, and how one is generated. */
export function secretKeyForm(type: KeyType | undefined): { readonly keyType: number; readonly generate: number } {
  if (type?.algorithm === 'AES') return { keyType: ckk.AES, generate: ckm.AES_KEY_GEN }
  if (type?.algorithm !== 'DES3') return { keyType: ckk.GENERIC_SECRET, generate: ckm.GENERIC_SECRET_KEY_GEN }
  return type.length <= 128 ? { keyType: ckk.DES2, generate: ckm.DES2_KEY_GEN } : { keyType: ckk.DES3, generate: ckm.DES3_KEY_GEN }
}

/** CKA_KEY_TYPE of a private key. */
export function privateKeyType(type: KeyType | undefined): number {
  if (type?.algorithm === 'RSA') return ckk.RSA
  if (type?.algorithm === 'Ed25519' || type?.algorithm === 'Ed448') return ckk.EC_EDWARDS
  return ckk.EC
}

/** The numbers of a hash that PKCS #11 has. */
export function numbersOf(
  hash: HashName,
): { readonly digest: number; readonly hmac: number; readonly mgf: number | undefined } | undefined {
  return hashes[hash] === undefined ? undefined : hashNumbers[hash as keyof typeof hashNumbers]
}
