import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder, writeWhole } from './files.ts'
import { type KeyKind, makeKeyPair, signerOf } from './keys.ts'
import { developmentMark, profiles, renewalDays } from './profiles.ts'
import { sign } from './sign.ts'
import { x509 } from './x509.ts'

/** Who signs: a certificate (PEM) with its private key. */
export interface Authority {
  readonly certificate: string
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
  /** Stands in its certificate as the URI `spiffe://<trust domain>`, and so in those of its clients. */
  readonly trustDomain: string
  /** Its certificates carry the development mark. */
  readonly development: boolean
}

export interface AuthorityRequest {
  /** Common name. */
  readonly name: string
  readonly days?: number
  /** `tresor` when left out. */
  readonly trustDomain?: string
  readonly development?: boolean
  readonly key?: KeyKind
  readonly now?: Date
}

export const certificateFile = 'ca.pem'
export const privateKeyFile = 'ca-key.pem'

/** A new, self-signed authority; nothing is written. */
export async function createAuthority(request: AuthorityRequest): Promise<Authority> {
  const pair = await makeKeyPair(request.key ?? 'EC-P256')
  const trustDomain = request.trustDomain ?? 'tresor'
  const development = request.development ?? false
  const subject = `CN=${request.name.replace(/[,+"\\<>;=#]/g, (c) => `\\${c}`)}`
  const certificate = await sign(await signerOf(pair.privateKey), {
    profile: profiles.ca,
    subject,
    issuer: subject,
    issuerKey: pair.publicKey,
    publicKey: pair.publicKey,
    names: [{ type: 'url', value: `spiffe://${trustDomain}` }],
    days: request.days ?? profiles.ca.days,
    now: request.now ?? new Date(),
    development,
  })
  return { certificate, publicKey: pair.publicKey, privateKey: pair.privateKey, trustDomain, development }
}

/** Writes `ca.pem` and `ca-key.pem` (0600) into a folder of its own (0700). */
export async function saveAuthority(folder: string, authority: Authority): Promise<void> {
  await makeFolder(folder)
  await writeWhole(join(folder, privateKeyFile), authority.privateKey.export({ type: 'pkcs8', format: 'pem' }), 0o600)
  await writeWhole(join(folder, certificateFile), authority.certificate, 0o644)
}

/** Reads back what `saveAuthority` wrote. */
export async function loadAuthority(folder: string): Promise<Authority> {
  const certificate = await readFile(join(folder, certificateFile), 'utf8')
  const privateKey = createPrivateKey(await readFile(join(folder, privateKeyFile)))
  const parsed = new X509Certificate(certificate)
  if (!parsed.checkPrivateKey(privateKey)) {
    throw new Error(`${folder}: ${privateKeyFile} is not the key of ${certificateFile}; put back the two files that belong together`)
  }
  return {
    certificate,
    publicKey: createPublicKey(privateKey),
    privateKey,
    trustDomain: trustDomainOf(folder, certificate),
    development: isDevelopment(certificate),
  }
}

/** Whether a certificate (PEM or DER) belongs to a development PKI: its holder's private key, or its issuer's, is a file that anybody may have copied. */
export function isDevelopment(certificate: string | Uint8Array): boolean {
  return new x509.X509Certificate(certificate).getExtension(developmentMark) !== null
}

/** Whether a certificate (PEM) ends within `days`. */
export function needsRenewal(certificate: string, now: Date, days: number = renewalDays): boolean {
  return new Date(new X509Certificate(certificate).validTo).getTime() < now.getTime() + days * 24 * 3600 * 1000
}

function trustDomainOf(folder: string, certificate: string): string {
  const names = new x509.X509Certificate(certificate).getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? []
  const uri = names.find((name) => name.type === 'url')?.value
  const domain = uri === undefined ? undefined : /^spiffe:\/\/([^/]+)$/.exec(uri)?.[1]
  if (domain === undefined)
    throw new Error(`${join(folder, certificateFile)} names no trust domain (a URI spiffe://NAME); it was not made by Tresor`)
  return domain
}
