import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { KmipError } from '../../../spec/kmip-error.ts'
import { ckk, ckm, cko } from './constants.ts'
import { presentObjects } from './present-objects.ts'
import { attributes } from './template.ts'
import { type Token, type TokenOptions, withToken } from './token.ts'
import { type Carrying, findKeys, makeIntegrityKey, makeKek } from './token-keks.ts'
import { demandTrustedWrapping } from './trusted-wrapping.ts'

/**
 * Makes the keys of a new partition, for wrapping and MACs only. A token has no way to make an object unless another is there, so who makes
 * them puts up a mark first and goes on only where it is the only one: of two nodes that begin at once one makes them, or each tries again
 * after a while of its own. A mark that stays is one whose maker was killed.
 *
 * The token is closed between mark and look: SoftHSM does not show a process what another made shortly before a change of its own, until the
 * module is loaded anew or the other changes something more.
 * @throws KmipError when they are there already, or may not be carried from there.
 */
export async function makeFirstKeys(options: TokenOptions, carrying: Carrying): Promise<void> {
  /** Others' marks, and since when they are known. */
  const seen = new Map<string, number>()
  for (;;) {
    const own = randomBytes(16)
    await withToken(options, (token) => putMark(token, carrying, own))
    let isAlone: boolean
    try {
      isAlone = await withToken(options, (token) => makeWhereAlone(token, carrying, own, seen))
    } finally {
      await removeMark(options, own)
    }
    if (isAlone) return
    await sleep(shortestPause + Math.random() * longestPause)
  }
}

async function putMark(token: Token, carrying: Carrying, own: Buffer): Promise<void> {
  await refuseWhereThereAre(token)
  if (carrying === 'carried') await demandTrustedWrapping(token)
  const form = { KEY_TYPE: ckk.AES, VALUE_LEN: 16, PRIVATE: true, SENSITIVE: true, EXTRACTABLE: false }
  await token.generate(doing(token), ckm.AES_KEY_GEN, attributes({ ...marked, ...form, ID: own }))
}

/** @returns false where others try as well: those of their marks that were left behind are gone then */
async function makeWhereAlone(token: Token, carrying: Carrying, own: Buffer, seen: Map<string, number>): Promise<boolean> {
  const others = (await marks(token)).filter(({ id }) => id !== own.toString('hex'))
  for (const { object, id } of others) {
    const since = seen.get(id) ?? performance.now()
    seen.set(id, since)
    if (performance.now() - since > leftAfter) await token.destroy(object)
  }
  if (others.length === 0) await make(token, carrying, own)
  return others.length === 0
}

async function make(token: Token, carrying: Carrying, own: Buffer): Promise<void> {
  // Another may have made them just before the mark.
  await refuseWhereThereAre(token)
  // Without a KEK nothing was ever used: its maker was killed.
  const { integrityKey: unfinished } = await findKeys(token)
  if (unfinished !== undefined) await token.destroy(unfinished)
  const integrityKey = await makeIntegrityKey(token, carrying)
  const kek = await makeKek(token, 1)
  if ((await marks(token)).some(({ id }) => id === own.toString('hex'))) return
  for (const object of [kek, integrityKey]) await token.destroy(object)
  throw new KmipError(
    'GeneralFailure',
    `Making the keys of partition ${token.name} took so long that another may have begun to; these were destroyed again. Repeat it: keys that are there by then are used.`,
  )
}

async function refuseWhereThereAre(token: Token): Promise<void> {
  if ((await findKeys(token)).keks.size > 0)
    throw new KmipError('GeneralFailure', `The token of partition ${token.name} has Tresor's keys already. Open it, or use a blank token.`)
}

/** Until it is seen to be gone: a token that others change at that moment may fail, or not show it. */
async function removeMark(options: TokenOptions, own: Buffer): Promise<void> {
  for (let attempt = 0; attempt < removals; attempt++) {
    const isGone = await withToken(options, async (token) => {
      const found = await token.find({ ...marked, ID: own })
      for (const object of found) await token.destroy(object)
      return found.length === 0
    }).catch(() => false)
    // The first look may be one that does not show it.
    if (isGone && attempt > 0) return
    await sleep(shortestPause)
  }
}

async function marks(token: Token) {
  return (await presentObjects(token, marked, 'ID')).map(({ object, value }) => ({ object, id: value.toString('hex') }))
}

const marked = { CLASS: cko.SECRET_KEY, TOKEN: true, LABEL: 'tresor-making' } as const
const doing = (token: Token) => ({ partition: token.name, mechanism: 'making its own keys' })

const removals = 20
/** Milliseconds; far more than three keys take. */
const leftAfter = 5_000
const shortestPause = 50
const longestPause = 250
