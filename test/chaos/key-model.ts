import type { SequentialModel } from '../support/linearizability.ts'

/** What is asked of one key, known by the name it was made with. */
export type KeyInput =
  | { readonly do: 'Create' }
  /** Active from the start, with so many uses. */
  | { readonly do: 'CreateLimited'; readonly uses: number }
  | { readonly do: 'Activate' | 'Encrypt' | 'Decrypt' | 'Get' | 'GetAttributes' | 'Revoke' | 'Destroy' | 'Locate' }

export type KeyState = 'Absent' | 'PreActive' | 'Active' | 'Deactivated' | 'Destroyed'

export interface Key {
  readonly state: KeyState
  /** Uses left of its Usage Limits; undefined where it has none. */
  readonly left: number | undefined
}

/** Of an operation that asked for what is granted and gives no more to see. */
export const done = 'done'

/**
 * A key as KMIP describes it (2.1 section 4.57), asked by one request after the other: `done`, what was seen, or the Result Reason of the refusal.
 * Each key is made once, under a name of its own.
 */
export const keyModel: SequentialModel<Key, KeyInput> = {
  initial: { state: 'Absent', left: undefined },
  text: ({ state, left }) => (left === undefined ? state : `${state} ${left}`),
  step: (key, input) => {
    const answer = answerOf(key, input)
    return { answer, next: answer === done ? after(key, input) : key }
  },
}

/** Whether it can leave the key otherwise than it was. A use of a key with Usage Limits takes one off. */
export function mayChange(input: KeyInput, isLimited: boolean): boolean {
  return input.do === 'Encrypt' ? isLimited : !['Decrypt', 'Get', 'GetAttributes', 'Locate'].includes(input.do)
}

function answerOf(key: Key, input: KeyInput): string {
  const { state } = key
  const isLiving = state !== 'Absent' && state !== 'Destroyed'
  if (input.do === 'Create' || input.do === 'CreateLimited') return isLiving ? 'NonUniqueNameAttribute' : done
  // A destroyed key gives its name back.
  if (input.do === 'Locate') return isLiving ? 'found' : 'none'
  if (state === 'Absent') return 'ObjectNotFound'
  if (input.do === 'GetAttributes') return keyModel.text(key)
  if (state === 'Destroyed') return 'ObjectDestroyed'
  if (!allowedIn[input.do].includes(state)) return 'WrongKeyLifecycleState'
  return input.do === 'Encrypt' && key.left === 0 ? 'PermissionDenied' : done
}

const allowedIn: Readonly<Record<'Activate' | 'Encrypt' | 'Decrypt' | 'Get' | 'Revoke' | 'Destroy', readonly KeyState[]>> = {
  Activate: ['PreActive'],
  Encrypt: ['Active'],
  Decrypt: ['Active', 'Deactivated'],
  Get: ['PreActive', 'Active', 'Deactivated'],
  Revoke: ['Active'],
  Destroy: ['PreActive', 'Deactivated'],
}

function after(key: Key, input: KeyInput): Key {
  switch (input.do) {
    case 'Create':
      return { state: 'PreActive', left: undefined }
    case 'CreateLimited':
      return { state: 'Active', left: input.uses }
    case 'Activate':
      return { ...key, state: 'Active' }
    case 'Revoke':
      return { ...key, state: 'Deactivated' }
    case 'Destroy':
      return { ...key, state: 'Destroyed' }
    case 'Encrypt':
      return key.left === undefined ? key : { ...key, left: key.left - 1 }
    default:
      return key
  }
}
