import type { Token } from './token.ts'
import { type Carrying, carryingOf } from './token-keks.ts'
import { probeTrustedWrapping } from './trusted-wrapping.ts'

/** For people: what keeps a partition's own keys in its token, and others out of the hands of who has the PIN. */
export type Protection = Readonly<Record<'trusted wrapping' | 'own keys', string>>

/** Tried out once for each login, when it is first asked for. */
export function protectionOf(token: Token): Promise<Protection> {
  const before = known.get(token)
  if (before !== undefined) return before
  const looking = look(token)
  known.set(token, looking)
  looking.catch(() => known.delete(token))
  return looking
}

const known = new WeakMap<Token, Promise<Protection>>()

async function look(token: Token): Promise<Protection> {
  return { 'trusted wrapping': await probeTrustedWrapping(token), 'own keys': ownKeys[await carryingOf(token)] }
}

/** Whether what a partition says of itself lets its own keys be carried to another token. */
export function mayBeCarried(details: Readonly<Record<string, string>>): boolean {
  return details['own keys'] === ownKeys.carried
}

const ownKeys: Readonly<Record<Carrying, string>> = {
  stays: 'never leave the token',
  carried: 'leave the token under a key that its security officer trusts, and not otherwise',
}
