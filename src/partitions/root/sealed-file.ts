import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import { readPrivateFile } from '../key-file.ts'
import type { TokenSealed } from '../pkcs11/token-sealer.ts'
import type { PassphraseSealed } from './passphrase.ts'

/** A root secret that lies in a file under something that is not in it. */
export type SealedRoot = PassphraseSealed | TokenSealed

const formatVersion = 1
const number = z.number()

const sealedRoot = z.discriminatedUnion('kind', [
  z.strictObject({
    formatVersion: z.literal(formatVersion),
    kind: z.literal('passphrase'),
    scrypt: z.strictObject({ N: number, r: number, p: number, salt: z.base64() }),
    sealed: z.base64(),
  }),
  z.strictObject({
    formatVersion: z.literal(formatVersion),
    kind: z.literal('pkcs11'),
    token: z.string(),
    serial: z.string(),
    mechanism: z.enum(['AES_GCM', 'AES_KEY_WRAP']),
    sealed: z.base64(),
  }),
])

/** @throws Error when the file is missing, readable by others, or not a sealed root secret of this version. */
export function readSealedRoot(path: string): SealedRoot {
  const text = readPrivateFile(path)
  return parseSealedRoot(path, Buffer.from(text.expose()).toString('utf8'))
}

/** @param name of where the text is from. @throws Error when it is no sealed root secret of this version. */
export function parseSealedRoot(name: string, text: string): SealedRoot {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new Error(`${name} is no sealed root secret: it is not JSON. Restore it from its backup.`)
  }
  const result = sealedRoot.safeParse(json)
  if (!result.success)
    throw new Error(`${name} is no sealed root secret that this Tresor knows (format ${formatVersion}). Restore it from its backup.`)
  const { formatVersion: _read, ...sealed } = result.data
  return sealed
}

/** The file's content. */
export function sealedRootText(sealed: SealedRoot): string {
  return `${JSON.stringify({ formatVersion, ...sealed }, undefined, 2)}\n`
}

/** Appears whole or not at all, for its owner alone. */
export function writeSealedRoot(path: string, sealed: SealedRoot): void {
  const draft = `${path}.draft`
  const file = openSync(draft, 'w', 0o600)
  try {
    writeSync(file, sealedRootText(sealed))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(draft, path)
  const folder = openSync(dirname(path), 'r')
  fsyncSync(folder)
  closeSync(folder)
}
