import { type CipherGCM, createCipheriv, createHmac, type Hmac } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import { hashes } from '../hashes.ts'
import { lacks, macName } from '../mechanisms.ts'
import type { HashName, MacMechanism } from '../partition.ts'
import { algorithmOf, type HeldKey, keyOf } from './held-key.ts'
import { ciphers } from './mechanisms.ts'

export function mac(partition: string, held: HeldKey, mechanism: MacMechanism, data: Uint8Array): Uint8Array {
  const name = macName(mechanism, algorithmOf(held))
  const key = keyOf(held, 'secret', name)
  if (mechanism.mac === 'CMAC') throw lacks(partition, name, 'node:crypto does not offer it')
  if (mechanism.mac === 'HMAC') return hmac(partition, held, mechanism.hash).update(data).digest()
  const cipher = ciphers['AES-GCM']?.[key.symmetricKeySize ?? 0]
  if (algorithmOf(held) !== 'AES' || cipher === undefined) throw lacks(partition, name, `it works with AES keys, not ${algorithmOf(held)}`)
  if (mechanism.iv.length === 0) throw new KmipError('InvalidField', 'GMAC needs an IV of at least 1 byte.')
  // GMAC is GCM with nothing to encrypt (SP 800-38D §3).
  const gmac = createCipheriv(cipher, key, mechanism.iv) as CipherGCM
  gmac.setAAD(data)
  gmac.final()
  return gmac.getAuthTag()
}

/** An HMAC that has taken no data yet. @throws KmipError UnsupportedCryptographicParameters for a hash that OpenSSL lacks. */
export function hmac(partition: string, held: HeldKey, hash: HashName): Hmac {
  const name = macName({ mac: 'HMAC', hash })
  const known = hashes[hash]
  if (known === undefined) throw lacks(partition, name)
  return createHmac(known.node, keyOf(held, 'secret', name))
}
