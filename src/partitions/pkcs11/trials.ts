import { type RowOf, rowsThat, type TokenWay } from '../mechanism-table.ts'
import { generateName } from '../mechanisms.ts'
import type { KeyType } from '../partition.ts'
import { ckk, ckm, cko } from './constants.ts'
import type { Handle } from './cryptoki.ts'
import { isLost } from './device-error.ts'
import { derivationParameter } from './mechanism-parameters.ts'
import { attributes } from './template.ts'
import type { Token } from './token.ts'

/**
 * What a token's list of mechanisms does not tell is found out when the partition is opened: curves whose keys it makes and does not wrap, and
 * derivations that it does and does not list.
 * @param comesBack whether a private key of this type can lie outside the token wrapped
 */
export async function tryOut(token: Token, comesBack: (type: KeyType) => Promise<boolean>): Promise<void> {
  await tryCurves(token, comesBack)
  await tryDerivations(token)
}

/** A pair of each sort of curve, and what else is not offered when it does not come back. */
const triedCurves: readonly { readonly type: KeyType; readonly others?: string }[] = [
  { type: { algorithm: 'EC', length: 256, curve: 'P_256' }, others: 'GENERATE-EC-' },
  { type: { algorithm: 'Ed25519', length: 256, curve: 'CURVE25519' } },
  { type: { algorithm: 'Ed448', length: 456, curve: 'CURVE448' } },
  { type: { algorithm: 'ECDH', length: 256, curve: 'CURVE25519' } },
  { type: { algorithm: 'ECDH', length: 448, curve: 'CURVE448' } },
]

/**
 * Keys of a curve that a token cannot wrap, or cannot take in again, are not offered: NSS wants the public point for that, which is not kept with
 * a private key, and SoftHSM does not wrap keys of Edwards curves.
 */
async function tryCurves(token: Token, comesBack: (type: KeyType) => Promise<boolean>): Promise<void> {
  for (const { type, others } of triedCurves) {
    const name = generateName(type)
    if (!token.ways.has(name) || (await comesBack(type))) continue
    token.withdraw((one) => one === name || (others !== undefined && one.startsWith(others)))
  }
  const makes = (type: string) => token.ways.has(`GENERATE-${type}`)
  if (!makes('EC-P_256')) token.withdraw((one) => one.startsWith('ECDSA-'))
  if (!makes('Ed25519') && !makes('Ed448')) token.withdraw((one) => one === 'EdDSA')
  if (!makes('EC-P_256') && !makes('X25519') && !makes('X448')) token.withdraw((one) => one === 'DERIVE-ECDH')
}

/** NSS hashes keys and encrypts data to new keys, and lists neither. */
async function tryDerivations(token: Token): Promise<void> {
  const unlisted = rowsThat('derive').filter(
    ({ name, keys, token: ways = [] }) => ways.length > 0 && !token.ways.has(name) && isTried(keys),
  )
  if (unlisted.length === 0 || !token.ways.has('GENERATE-AES')) return
  const base = await token.generate(
    { partition: token.name, mechanism: 'a trial' },
    ckm.AES_KEY_GEN,
    attributes({ TOKEN: false, PRIVATE: true, SENSITIVE: true, EXTRACTABLE: false, DERIVE: true, VALUE_LEN: 32 }),
  )
  try {
    for (const { name, derive, token: ways = [] } of unlisted) {
      for (const way of ways) if (await derives(token, base, derive, way)) token.offer(name, way)
    }
  } finally {
    token.destroy(base)
  }
}

/** Of an AES key, or of a key of any sort. */
function isTried(keys: RowOf<'derive'>['keys']): boolean {
  return keys.length === 0 || keys.includes('AES')
}

async function derives(token: Token, base: Handle, derive: RowOf<'derive'>['derive'], way: TokenWay): Promise<boolean> {
  const block = Buffer.alloc(16)
  const encryption = { derive: 'ENCRYPT', mechanism: { cipher: 'CBC', padding: 'None', iv: block }, data: block } as const
  const parameter = derive === 'ENCRYPT' ? derivationParameter(way, encryption, block) : undefined
  const template = { CLASS: cko.SECRET_KEY, KEY_TYPE: ckk.GENERIC_SECRET, TOKEN: false, SENSITIVE: true, EXTRACTABLE: true, VALUE_LEN: 16 }
  const mechanism = { mechanism: way.mechanism, ...(parameter !== undefined && { parameter }) }
  try {
    token.destroy(await token.derive({ partition: token.name, mechanism: 'a trial' }, base, mechanism, attributes(template)))
    return true
  } catch (error) {
    if (isLost(error)) throw error
    return false
  }
}
