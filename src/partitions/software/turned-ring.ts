import { randomBytes } from 'node:crypto'
import type { Secret } from '../../objects/secret.ts'
import { epochSecretId } from './epoch-secret.ts'
import { type EpochSecretOf, type KeyRing, openKeyRing, readKeyRing, sealKeyRing } from './key-ring.ts'
import { isFirstForm } from './key-ring-first-form.ts'

interface RingOptions {
  readonly name: string
  readonly rootSecret: Secret
  readonly ring: Uint8Array
  readonly epochSecretOf: EpochSecretOf
}

/** The ring with the KEK of one epoch more, which is the current one from here on. @throws KmipError GeneralFailure as `openKeyRing`. */
export function addEpoch(options: RingOptions, epoch: number, epochSecret: Secret): Uint8Array {
  const ring = openKeyRing(options.ring, options.name, options.rootSecret, options.epochSecretOf)
  const turned: KeyRing = { ...ring, epoch, keks: new Map([...ring.keks, [epoch, randomBytes(32)]]) }
  return sealed(options, turned, new Map([...secretsOf(options), [epoch, epochSecret]]))
}

/** The ring with the current KEK alone. @throws KmipError GeneralFailure as `openKeyRing`. */
export function dropEpochs(options: RingOptions): Uint8Array {
  const ring = openKeyRing(options.ring, options.name, options.rootSecret, options.epochSecretOf)
  const current = ring.keks.get(ring.epoch)
  if (current === undefined) throw new Error(`The ring of partition ${options.name} lacks its current epoch.`)
  return sealed(options, { ...ring, keks: new Map([[ring.epoch, current]]) }, secretsOf(options))
}

/** The same ring under another root secret; as it is when it opens with that one already. @throws KmipError GeneralFailure when it opens with neither. */
export async function changeRoot(options: Omit<RingOptions, 'rootSecret'>, next: Secret, old: () => Promise<Secret>): Promise<Uint8Array> {
  const { ring, name, epochSecretOf } = options
  try {
    openKeyRing(ring, name, next, epochSecretOf)
    return ring
  } catch {
    const rootSecret = await old()
    const opened = openKeyRing(ring, name, rootSecret, epochSecretOf)
    return sealed({ ...options, rootSecret: next }, opened, secretsOf({ ...options, rootSecret }))
  }
}

/** Which epoch secrets a ring needs, by epoch; none for a ring from before there were any. */
export function ringSecrets(ring: Uint8Array, name: string): ReadonlyMap<number, string> {
  if (isFirstForm(ring)) return new Map()
  const named = readKeyRing(ring, name).epochs.flatMap(({ epoch, secretId }) =>
    secretId === undefined ? [] : [[epoch, secretId] as const],
  )
  return new Map(named)
}

/**
 * Whether none of a ring's KEKs opens with the root secret alone, as those do that were made before there were epoch secrets. A turn cannot
 * make up for that: who has the root secret opens such a KEK in every old copy of the ring, whatever becomes of the new one.
 */
export function needsEpochSecrets(ring: Uint8Array, name: string): boolean {
  return !isFirstForm(ring) && readKeyRing(ring, name).epochs.every(({ secretId }) => secretId !== undefined)
}

/** The epoch secrets of a ring that are here; `openKeyRing` has found them all. */
function secretsOf({ name, ring, epochSecretOf }: RingOptions): Map<number, Secret> {
  const found = new Map<number, Secret>()
  for (const [epoch, id] of ringSecrets(ring, name)) {
    const secret = epochSecretOf(epoch, id)
    if (secret !== undefined && epochSecretId(secret) === id) found.set(epoch, secret)
  }
  return found
}

function sealed({ name, rootSecret }: RingOptions, ring: KeyRing, secrets: ReadonlyMap<number, Secret>): Uint8Array {
  const result = sealKeyRing(ring, name, rootSecret, secrets)
  for (const key of [ring.integrityKey, ...ring.keks.values()]) key.fill(0)
  return result
}
