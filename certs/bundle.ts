import { randomBytes } from 'node:crypto'
import { rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { makeFolder, syncFolder, writeWhole } from './files.ts'
import type { Issued } from './issue.ts'
import { makePkcs12 } from './pkcs12.ts'

export const bundleFiles = {
  authority: 'ca.pem',
  certificate: 'cert.pem',
  privateKey: 'key.pem',
  pkcs12: 'client.p12',
  pkcs12Password: 'client.p12.password',
} as const

export interface BundleOptions {
  /** The authority that signed the other side, where it is not the issuer (PEM): goes into `ca.pem`. */
  readonly trust?: string
  /** The alias of the key in `client.p12`; the folder's name when left out. */
  readonly name?: string
  /** Leaves `client.p12` and its password out: servers and peers read PEM. */
  readonly withoutPkcs12?: boolean
}

/**
 * Writes `ca.pem`, `cert.pem`, `key.pem` (0600), `client.p12` and its random password (`client.p12.password`, 0600) into a folder (0700).
 * Without a private key (it was certified from a request) only the first two. A new folder appears whole; in one that is there each file is
 * replaced whole, the private key first.
 */
export async function writeBundle(folder: string, issued: Issued, options: BundleOptions = {}): Promise<void> {
  if (await isThere(folder)) return await writeFiles(folder, issued, options)
  await makeFolder(dirname(folder))
  const draft = join(dirname(folder), `.${basename(folder)}.${randomBytes(6).toString('hex')}`)
  try {
    await writeFiles(draft, issued, { name: basename(folder), ...options })
    await rename(draft, folder)
    await syncFolder(dirname(folder))
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    throw error
  }
}

async function writeFiles(folder: string, issued: Issued, options: BundleOptions): Promise<void> {
  await makeFolder(folder)
  const authority = options.trust ?? issued.authority
  if (issued.privateKey !== undefined) {
    await writeWhole(join(folder, bundleFiles.privateKey), issued.privateKey.export({ type: 'pkcs8', format: 'pem' }), 0o600)
  }
  await writeWhole(join(folder, bundleFiles.certificate), issued.certificate, 0o644)
  await writeWhole(join(folder, bundleFiles.authority), authority, 0o644)
  if (issued.privateKey === undefined || options.withoutPkcs12 === true) return
  const password = randomBytes(18).toString('base64url')
  const name = options.name ?? basename(folder)
  const { privateKey, certificate } = issued
  await writeWhole(join(folder, bundleFiles.pkcs12Password), `${password}\n`, 0o600)
  await writeWhole(join(folder, bundleFiles.pkcs12), makePkcs12({ privateKey, certificate, authority, password, name }), 0o600)
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
}
