import { randomBytes } from 'node:crypto'
import type { ChangeSet, Guard, Place, Space, Write } from '../../src/store/index.ts'

export const testSpace = 't/test' as Space

export function objectPlace(id: string): Place {
  return { space: testSpace, kind: 'object', id }
}

/** A change set with a new nonce. */
export function changeSet(writes: readonly Write[], guards: readonly Guard[] = []): ChangeSet {
  return { nonce: randomBytes(16), guards, writes }
}

/** Writes one object that must be at a revision, 0 for a new one. */
export function objectChange(id: string, text: string, revision?: number): ChangeSet {
  const place = objectPlace(id)
  return changeSet([{ place, value: Buffer.from(text) }], revision === undefined ? [] : [{ place, revision }])
}
