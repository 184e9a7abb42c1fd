import { createHmac, timingSafeEqual } from 'node:crypto'
import { existsSync } from 'node:fs'
import { Secret } from '../../objects/secret.ts'
import { createKeyFile, credentialName, newRootSecret, readKeyFile, readPrivateFile, rootSecretLength } from '../key-file.ts'
import type { TokenOptions } from '../pkcs11/token.ts'
import { openByToken, sealByToken } from '../pkcs11/token-sealer.ts'
import { secretOfCommand } from './command-secret.ts'
import { openByPassphrase, sealByPassphrase } from './passphrase.ts'
import { readSealedRoot, type SealedRoot, writeSealedRoot } from './sealed-file.ts'

/** Where a node has the root secret of its software partitions from. Paths of secrets may be `credential:NAME`. */
export type RootSource =
  | { readonly kind: 'keyFile'; readonly path: string }
  /** `passphrase`: the path of a file, or who asks a person. */
  | { readonly kind: 'passphrase'; readonly passphrase: string | AskPassphrase; readonly sealed: string }
  | { readonly kind: 'command'; readonly command: readonly string[] }
  | { readonly kind: 'pkcs11'; readonly token: TokenOptions; readonly sealed: string }

/** Asks for a passphrase; for a `new` one twice. */
export type AskPassphrase = (which: 'new' | 'known') => Promise<Secret>

/**
 * Fetches the root secret. The caller wipes it.
 * @throws Error that names the file, command or token, says what is wrong, and never holds what was read.
 */
export async function readRoot(source: RootSource): Promise<Secret> {
  switch (source.kind) {
    case 'keyFile':
      return readKeyFile(source.path)
    case 'command':
      return await secretOfCommand(source.command)
    case 'passphrase': {
      const sealed = sealedOf(source.sealed, 'passphrase')
      const secret = await withPassphrase(source.passphrase, 'known', (passphrase) => openByPassphrase(sealed, passphrase))
      if (secret !== undefined) return ofRightLength(source.sealed, secret)
      throw new Error(`this is not the passphrase of ${source.sealed} (${describeRoot(source)})`)
    }
    case 'pkcs11':
      return ofRightLength(source.sealed, await openByToken(source.token, sealedOf(source.sealed, 'pkcs11')))
  }
}

/** Whether there is something to read already; a command's secret is its own affair. */
export function hasRoot(source: RootSource): boolean {
  if (source.kind === 'command') return true
  if (source.kind === 'keyFile') return credentialName(source.path) !== undefined || existsSync(source.path)
  return existsSync(source.sealed)
}

/**
 * Puts a root secret where the source has it, and answers it: a new one unless given.
 * @throws Error when one is there already; or, where the source makes its own, when that is not the given one.
 */
export async function createRoot(source: RootSource, secret?: Secret): Promise<Secret> {
  if (source.kind === 'command' || (source.kind === 'keyFile' && credentialName(source.path) !== undefined)) {
    const given = await readRoot(source)
    if (secret !== undefined && !timingSafeEqual(given.expose(), secret.expose()))
      throw new Error(`${describeRoot(source)} gives another root secret than the one that is used; it must give the same`)
    return given
  }
  if (source.kind === 'keyFile') return createKeyFile(source.path, secret)
  if (existsSync(source.sealed)) throw new Error(`${source.sealed} is there already; a root secret is never overwritten.`)
  const made = secret ?? newRootSecret()
  writeSealedRoot(source.sealed, await seal(source, made))
  return made
}

async function seal(source: Extract<RootSource, { readonly sealed: string }>, secret: Secret): Promise<SealedRoot> {
  if (source.kind === 'pkcs11') return await sealByToken(source.token, secret)
  return await withPassphrase(source.passphrase, 'new', (passphrase) => sealByPassphrase(secret, passphrase))
}

/** A short description for people, without anything secret. */
export function describeRoot(source: RootSource): string {
  switch (source.kind) {
    case 'keyFile':
      return `key file ${source.path}`
    case 'passphrase': {
      const from = typeof source.passphrase === 'string' ? `passphrase in ${source.passphrase}` : 'passphrase that a person types'
      return `${from}, with ${source.sealed}`
    }
    case 'command':
      return `command ${source.command[0]}`
    case 'pkcs11':
      return `sealed in ${source.sealed} by token ${source.token.token}`
  }
}

/** By it nodes know whether they have the same root secret; it reveals nothing. Hexadecimal. */
export function rootFingerprint(secret: Secret): string {
  return createHmac('sha256', Buffer.from(secret.expose()).toString('hex')).update('shared by the nodes of a cluster').digest('hex')
}

function sealedOf<K extends SealedRoot['kind']>(path: string, kind: K): Extract<SealedRoot, { readonly kind: K }> {
  if (!existsSync(path)) throw new Error(`${path} is not there. Restore it from its backup; a new node makes it: tresor init`)
  const sealed = readSealedRoot(path)
  if (sealed.kind === kind) return sealed as Extract<SealedRoot, { readonly kind: K }>
  const [is, wanted] = [sealed.kind, kind].map((one) => (one === 'pkcs11' ? 'a token' : 'a passphrase'))
  throw new Error(`${path} was sealed by ${is}, and the configuration names ${wanted} (root); to change it: tresor root change`)
}

function ofRightLength(path: string, secret: Secret): Secret {
  if (secret.length === rootSecretLength) return secret
  throw new Error(`${path} holds ${secret.length} bytes; a root secret has ${rootSecretLength}`)
}

/** Of a file its first line counts, without its end. */
async function withPassphrase<T>(
  from: string | AskPassphrase,
  which: 'new' | 'known',
  action: (passphrase: Secret) => Promise<T>,
): Promise<T> {
  const given = typeof from === 'string' ? readPrivateFile(from) : await from(which)
  const bytes = given.expose()
  const end = bytes.findIndex((byte) => byte === 0x0a || byte === 0x0d)
  try {
    return await action(new Secret(end === -1 ? bytes : bytes.subarray(0, end)))
  } finally {
    given.wipe()
  }
}
