import { createHash, randomBytes } from 'node:crypto'
import { Secret } from '../../objects/secret.ts'

/** Length of an epoch secret in bytes. */
export const epochSecretLength = 32

/**
 * What a KEK of a software partition needs beside the root secret, so that it can be destroyed: a root secret may be one that cannot be
 * changed, and old copies of the store hold the sealed KEK for ever. It lies outside the store, and is destroyed at the end of its epoch.
 */
export function newEpochSecret(): Secret {
  return new Secret(randomBytes(epochSecretLength))
}

/** The name by which a ring and a file mean the same epoch secret: 16 hexadecimal digits that say nothing of it. */
export function epochSecretId(secret: Secret): string {
  return createHash('sha256')
    .update('tresor epoch secret\0')
    .update(secret.expose())
    .digest('hex')
    .slice(0, epochSecretIdLength * 2)
}

/** In bytes. */
export const epochSecretIdLength = 8
