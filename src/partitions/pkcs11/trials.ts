import { type RowOf, rowsThat, type TokenWay } from '../mechanism-table.ts'
import { ckk, ckm, cko } from './constants.ts'
import type { Handle } from './cryptoki.ts'
import { type CurveGround, tryCurves } from './curve-trials.ts'
import { isLost } from './device-error.ts'
import { derivationParameter } from './mechanism-parameters.ts'
import { attributes } from './template.ts'
import type { Token } from './token.ts'

/**
 * What a token's list of mechanisms does not tell is found out when the partition is opened: curves whose keys it makes and does not wrap, and
 * derivations that it does and does not list.
 */
export async function tryOut(token: Token, ground: CurveGround): Promise<void> {
  await tryCurves(token, ground)
  await tryDerivations(token)
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
