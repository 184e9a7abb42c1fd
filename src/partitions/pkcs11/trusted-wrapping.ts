import { KmipError } from '../../../spec/kmip-error.ts'
import { ckk, ckm, cko, ckr } from './constants.ts'
import type { Handle } from './cryptoki.ts'
import { isLost } from './device-error.ts'
import { codeOf } from './device-session.ts'
import { attributes } from './template.ts'
import type { Token } from './token.ts'

/**
 * What a token makes of CKA_WRAP_WITH_TRUSTED: it wraps such keys under keys that its security officer trusts and no others (`enforced`), takes
 * the attribute and wraps them all the same (`ignored`), or does not take it (`refused`).
 */
export type TrustedWrapping = 'enforced' | 'ignored' | 'refused'

/** Tries it with two keys of the session, which are gone afterwards. */
export async function probeTrustedWrapping(token: Token): Promise<TrustedWrapping> {
  const made: Handle[] = []
  const doing = { partition: token.name, mechanism: 'trying CKA_WRAP_WITH_TRUSTED' }
  const make = async (more: Parameters<typeof attributes>[0]) => {
    const object = await token.generate(doing, ckm.AES_KEY_GEN, attributes({ ...sessionKey, ...more }))
    made.push(object)
    return object
  }
  let step: TrustedWrapping = 'refused'
  try {
    const guarded = await make({ EXTRACTABLE: true, WRAP_WITH_TRUSTED: true })
    if ((await token.attribute(guarded, 'WRAP_WITH_TRUSTED'))[0] !== 1) return 'ignored'
    const stranger = await make({ WRAP: true })
    step = 'enforced'
    await token.wrap(doing, stranger, { mechanism: ckm.AES_KEY_WRAP }, guarded)
    return 'ignored'
  } catch (error) {
    // Any refusal at the wrapping protects; only one for this reason is a promise.
    if (step === 'enforced' && isNotWrappable(error)) return step
    if (isLost(error)) throw error
    return 'refused'
  } finally {
    for (const object of made) token.destroy(object)
  }
}

/** @throws KmipError GeneralFailure on a token where whoever has the PIN could wrap such a key under a key of their own. */
export async function demandTrustedWrapping(token: Token): Promise<void> {
  const found = await probeTrustedWrapping(token)
  if (found === 'enforced') return
  const what = found === 'ignored' ? 'takes CKA_WRAP_WITH_TRUSTED and does not keep to it' : 'does not take CKA_WRAP_WITH_TRUSTED'
  throw new KmipError(
    'GeneralFailure',
    `The token of partition ${token.name} ${what}: a KEK that may leave it could be taken by anybody who has the PIN. Make the partition without --kek-may-be-carried, and have the HSM's own backup or group carry it.`,
  )
}

/** What modules say of the key that leaves, or of the one that it is to leave under (kryoptic). */
function isNotWrappable(error: unknown): boolean {
  const code = codeOf((error as Error).cause) ?? codeOf(error)
  return code === ckr.KEY_NOT_WRAPPABLE || code === ckr.WRAPPING_KEY_HANDLE_INVALID
}

const sessionKey = { CLASS: cko.SECRET_KEY, KEY_TYPE: ckk.AES, TOKEN: false, PRIVATE: true, SENSITIVE: true, VALUE_LEN: 32 } as const
