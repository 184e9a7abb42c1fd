import type { Refusal } from '../contracts/partition.ts'
import { eddsaVectors } from '../contracts/partition-eddsa-vectors.ts'
import { feedbackVectors, wholeVectors } from '../contracts/partition-mode-vectors.ts'
import { hmacVectors } from '../contracts/partition-vectors.ts'

const lacks = (says: RegExp): Refusal => ({ reason: 'UnsupportedCryptographicParameters', says })

const feedback = ['AES-CFB and AES-OFB take data of any length, and an IV of a block', lacks(/mechanism AES-(CFB128|OFB)/)] as const

/** The cases of the partition contract about a mode, beside its vectors. */
const casesOf: Readonly<Record<'CFB' | 'OFB' | 'CCM' | 'XTS', readonly (readonly [string, Refusal])[]>> = {
  CFB: [feedback],
  OFB: [feedback],
  CCM: [['AES-CCM: what was altered is found out, and what does not fit is refused', lacks(/mechanism AES-CCM/)]],
  XTS: [
    ['AES-XTS: both halves of the key, a tweak, and a whole data unit', lacks(/mechanism AES-XTS/)],
    ['an AES key of 512 bits is two keys, for XTS alone', lacks(/mechanism GENERATE-AES-512/)],
  ],
}

/** The refusals of a token that lacks these modes of AES, each named as the mechanism that it lacks. */
export function modeRefusals(lacking: readonly ('CFB' | 'OFB' | 'CCM' | 'XTS')[]): Readonly<Record<string, Refusal>> {
  const lacked: ReadonlySet<string> = new Set(lacking)
  const vectors = [...feedbackVectors, ...wholeVectors].filter(({ mechanism }) => lacked.has(mechanism.cipher))
  // A key of 512 bits is refused before it comes to its mode.
  const cases = vectors.map(
    ({ name, type, mechanism }) =>
      [name, lacks(type.length === 512 ? /mechanism GENERATE-AES-512/ : new RegExp(`mechanism AES-${mechanism.cipher}`))] as const,
  )
  return { ...Object.fromEntries(cases), ...Object.fromEntries(lacking.flatMap((mode) => casesOf[mode])) }
}

/** The refusals of a token without Curve25519 and Curve448, which takes no keys of them in. */
export const edwardsRefusals: Readonly<Record<string, Refusal>> = {
  ...Object.fromEntries(eddsaVectors.map(({ name, type }) => [name, lacks(new RegExp(`mechanism GENERATE-${type.algorithm}\\.`))])),
  'X25519: a pair goes out and comes in again, agrees outside, and does not sign': lacks(/mechanism GENERATE-X25519\b/),
  'X448: a pair goes out and comes in again, agrees outside, and does not sign': lacks(/mechanism GENERATE-X448\b/),
}

/** What the binding cannot ask of any token: it has no form for the parameters of these derivations. */
export const deriveRefusals: Readonly<Record<string, Refusal>> = {
  'derived: HMAC': lacks(/mechanism DERIVE-HMAC\./),
  'derived: PBKDF2, RFC 6070, 4096 iterations': lacks(/mechanism DERIVE-PBKDF2\./),
  'derived: HKDF, RFC 5869 A.1': lacks(/mechanism DERIVE-HKDF\./),
  'derived: SP 800-108, counter': lacks(/mechanism DERIVE-SP800-108-C\./),
  'derived: SP 800-108, feedback': lacks(/mechanism DERIVE-SP800-108-F\./),
  'derived: SP 800-108, double pipeline': lacks(/mechanism DERIVE-SP800-108-DPI\./),
  'derived: ENCRYPT with AES-CTR, SP 800-38A F.5.1': lacks(/mechanism DERIVE-ENCRYPT-AES-CTR\./),
  'derived: X25519, RFC 7748 6.1': lacks(/mechanism GENERATE-X25519\./),
}

/** The refusals of a token without HMAC by SHA-3. */
export const hmacSha3Refusals: Readonly<Record<string, Refusal>> = Object.fromEntries(
  hmacVectors.filter(({ hash }) => hash.startsWith('SHA3')).map(({ name, hash }) => [name, lacks(new RegExp(`mechanism HMAC-${hash}`))]),
)
