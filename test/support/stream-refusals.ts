import type { Refusal } from '../contracts/partition.ts'
import { nssRefusals } from './nss-refusals.ts'
import { softHsmRefusals } from './softhsm-refusals.ts'

const lacks = (says: RegExp): Refusal => ({ reason: 'UnsupportedCryptographicParameters', says })

/** What no token of the tests has the key for, by the names of the contract of streams. */
const noKeys: Readonly<Record<string, Refusal>> = {
  'EdDSA works on whole messages, and is refused by name': lacks(/GENERATE-Ed25519/),
  'a mode that works on the whole is refused by name': lacks(/GENERATE-AES-512/),
}

export const softHsmStreamRefusals: Readonly<Record<string, Refusal>> = { ...softHsmRefusals, ...noKeys }

/** NSS softokn encrypts with these on whole messages only. */
export const nssStreamRefusals: Readonly<Record<string, Refusal>> = {
  ...nssRefusals,
  ...noKeys,
  'AES-128 GCM, the GCM specification, case 2': lacks(/AES-GCM in parts: its module does it on whole messages only/),
  'AES-GCM with additional data gives what the whole gives': lacks(/AES-GCM in parts: its module does it on whole messages only/),
  'ChaCha20, RFC 8439 2.4.2': lacks(/ChaCha20 in parts: its module does it on whole messages only/),
  'ChaCha20-Poly1305, RFC 8439 2.8.2': lacks(/ChaCha20-Poly1305 in parts: its module does it on whole messages only/),
  'a signature by ECDSA is that of the whole, whichever way it was made': lacks(/GENERATE-EC-P_256/),
}
