import { generateKeyPair } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { bundleFiles, needsRenewal, writeBundle } from '../../certs/index.ts'
import type { IssuedCertificate } from '../admin/index.ts'
import type { Credentials } from '../client/index.ts'
import { CommandError } from './command.ts'
import { shownPath } from './place.ts'

/** Asks the node for a certificate of a key. */
export type Certify = (publicKey: string) => Promise<IssuedCertificate>

/** Makes a key here, has it certified, and writes the bundle: the private key crosses no wire. */
export async function makeBundle(folder: string, certify: Certify): Promise<void> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
  const { certificate, authority, serverAuthority } = await certify(publicKey.export({ type: 'spki', format: 'pem' }).toString())
  await writeBundle(folder, { certificate, privateKey, authority }, { trust: serverAuthority })
}

/** Writes what a certificate request was answered with: no private key, which is where it was made. */
export async function writeCertified(folder: string, { certificate, authority, serverAuthority }: IssuedCertificate): Promise<void> {
  await writeBundle(folder, { certificate, privateKey: undefined, authority }, { trust: serverAuthority })
}

/** @throws CommandError when a file is missing, saying how a bundle is made */
export function readBundle(folder: string): Credentials {
  const read = (name: string) => {
    try {
      return readFileSync(join(folder, name), 'utf8')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw new CommandError(
        `${shownPath(join(folder, name))} cannot be read (${code}); a bundle is made by: tresor tenant enroll TENANT USER [--out DIR]`,
        { cause: error },
      )
    }
  }
  return { ca: read(bundleFiles.authority), cert: read(bundleFiles.certificate), key: read(bundleFiles.privateKey) }
}

/** Whether a bundle is there, not about to end, and of this authority. */
export function isCurrent(folder: string, authority: string): boolean {
  const file = (name: string) => join(folder, name)
  if (![bundleFiles.authority, bundleFiles.certificate, bundleFiles.privateKey].every((name) => existsSync(file(name)))) return false
  const text = (name: string) => readFileSync(file(name), 'utf8')
  return text(bundleFiles.authority).trim() === authority.trim() && !needsRenewal(text(bundleFiles.certificate), new Date())
}
