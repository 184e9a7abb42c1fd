import { KmipError } from '../../../spec/kmip-error.ts'
import { ckk, ckm, cko } from './constants.ts'
import type { Handle, Template } from './cryptoki.ts'
import { presentObjects } from './present-objects.ts'
import { type AttributeName, attributes } from './template.ts'
import type { Token } from './token.ts'

const kekLabel = 'tresor-kek-'
const integrityLabel = 'tresor-integrity'

/** A token's own keys, as they are found in it. */
export interface FoundKeys {
  /** By epoch. */
  readonly keks: ReadonlyMap<number, Handle>
  readonly integrityKey: Handle | undefined
}

/** @throws KmipError GeneralFailure when two are the same one by their names: what is under the one is not under the other. */
export async function findKeys(token: Token): Promise<FoundKeys> {
  const keks = new Map<number, Handle>()
  let integrityKey: Handle | undefined
  for (const { object, value } of await presentObjects(token, { CLASS: cko.SECRET_KEY, TOKEN: true }, 'LABEL')) {
    const label = value.toString('utf8')
    if (label === integrityLabel) {
      if (integrityKey !== undefined) throw hasTwo(token, label)
      integrityKey = object
    }
    const epoch = label.startsWith(kekLabel) ? Number(label.slice(kekLabel.length)) : 0
    if (!Number.isInteger(epoch) || epoch <= 0) continue
    if (keks.has(epoch)) throw hasTwo(token, label)
    keks.set(epoch, object)
  }
  return { keks, integrityKey }
}

function hasTwo(token: Token, label: string): KmipError {
  return new KmipError(
    'GeneralFailure',
    `The token of partition ${token.name} has two keys ${label}. Find out which one keys are wrapped under, and remove the other with the vendor's tool.`,
  )
}

/** Whether a partition's own keys may leave its token: never, or wrapped under a key that the token's security officer trusts. */
export type Carrying = 'stays' | 'carried'

/** For MACs only. */
export async function makeIntegrityKey(token: Token, carrying: Carrying): Promise<Handle> {
  const template = { ...inside, ...leaving[carrying], ...integrityKeyForm }
  return await token.generate(doing(token), ckm.GENERIC_SECRET_KEY_GEN, attributes(template))
}

/** For wrapping only. All KEKs of a token may leave it, or none: as its integrity key. */
export async function makeKek(token: Token, epoch: number): Promise<Handle> {
  const template = { ...inside, ...leaving[await carryingOf(token)], ...kekForm(epoch) }
  return await token.generate(doing(token), ckm.AES_KEY_GEN, attributes(template))
}

export async function carryingOf(token: Token): Promise<Carrying> {
  const { integrityKey } = await findKeys(token)
  if (integrityKey === undefined) return 'stays'
  return (await token.attribute(integrityKey, 'EXTRACTABLE'))[0] === 1 ? 'carried' : 'stays'
}

/** What a partition's own keys are when they come from another token. */
export function carriedTemplate(key: number | 'integrity', carrying: Carrying): Template {
  const { VALUE_LEN: _known, MODIFIABLE: _chosen, ...common } = inside
  return attributes({ ...common, ...leaving[carrying], ...(key === 'integrity' ? integrityKeyForm : kekForm(key)) })
}

const integrityKeyForm = { KEY_TYPE: ckk.GENERIC_SECRET, LABEL: integrityLabel, SIGN: true, VERIFY: true }

const kekForm = (epoch: number) => ({
  KEY_TYPE: ckk.AES,
  LABEL: `${kekLabel}${epoch}`,
  WRAP: true,
  UNWRAP: true,
  ENCRYPT: false,
  DECRYPT: false,
  SIGN: false,
})

const leaving: Readonly<Record<Carrying, Partial<Record<AttributeName, boolean>>>> = {
  stays: { EXTRACTABLE: false },
  carried: { EXTRACTABLE: true, WRAP_WITH_TRUSTED: true },
}

/** Destroys the KEKs of all epochs before one. @throws KmipError when the token still has one afterwards. */
export async function destroyKeks(token: Token, before: number): Promise<void> {
  const earlier = async () => [...(await findKeys(token)).keks].filter(([epoch]) => epoch < before)
  for (const [, object] of await earlier()) await token.destroy(object)
  const left = await earlier()
  if (left.length === 0) return
  const names = left.map(([epoch]) => `${kekLabel}${epoch}`).join(', ')
  throw new KmipError(
    'GeneralFailure',
    `The token of partition ${token.name} does not destroy ${names}. Remove it with the vendor's tool; the turn goes on by itself then.`,
  )
}

const inside = {
  CLASS: cko.SECRET_KEY,
  TOKEN: true,
  PRIVATE: true,
  SENSITIVE: true,
  MODIFIABLE: false,
  VALUE_LEN: 32,
}

const doing = (token: Token) => ({ partition: token.name, mechanism: 'making its own keys' })
