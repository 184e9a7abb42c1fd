import { constants, generateKeyPairSync, privateDecrypt } from 'node:crypto'

let found: boolean | undefined

/**
 * Whether this process may take off PKCS #1 v1.5 padding: only where OpenSSL answers bad padding with bytes of its own making (implicit
 * rejection, from 3.2, which Node.js 24 has). Anywhere else the answer tells good padding from bad, and who may submit ciphertexts can
 * decrypt with it (Bleichenbacher). Found out once, by trying: some systems brought it to older versions, and Node.js has a switch that
 * allows decryption without it.
 */
export function hasImplicitRejection(): boolean {
  found ??= tryBadPadding()
  return found
}

function tryBadPadding(): boolean {
  try {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: modulusBytes * 8 })
    // 1 to any power is 1: this decrypts to 00 ... 00 01, which is never a padded message.
    const bad = Buffer.alloc(modulusBytes)
    bad[modulusBytes - 1] = 1
    privateDecrypt({ key: privateKey, padding: constants.RSA_PKCS1_PADDING }, bad)
    return true
  } catch {
    return false
  }
}

/** Small, to be made in a few milliseconds; the key protects nothing. */
const modulusBytes = 128
